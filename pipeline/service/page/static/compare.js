// @ts-check
// Two runs side by side: choosing others stands in the address.

import { filtersAct } from "./lists.js";
import "./viewer.js";

if (document.getElementById("filters")) filtersAct();
