// @ts-check
// Colours of kinds on the map: as far from one another as can be, and from the ground and the grey of what is in none.

/** @typedef {[number, number, number]} Colour red, green and blue, 0 to 255 */

export const APART = 40; // kinds that have a colour of their own; the next ones begin again
const HUES = 36, CHROMAS = [0.09, 0.14, 0.19];
const GREY = /** @type {Record<string, Colour>} */ ({ dark: [120, 114, 104], light: [150, 143, 132] });

/** @param {boolean} dark */
export const grey = (dark) => GREY[dark ? "dark" : "light"] ?? [128, 128, 128];

/** OKLab of a colour (Ottosson 2020). @param {Colour} colour @returns {[number, number, number]} */
export function lab(colour) {
  const [r, g, b] = colour.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * (r ?? 0) + 0.5363325363 * (g ?? 0) + 0.0514459929 * (b ?? 0));
  const m = Math.cbrt(0.2119034982 * (r ?? 0) + 0.6806995451 * (g ?? 0) + 0.1073969566 * (b ?? 0));
  const s = Math.cbrt(0.0883024619 * (r ?? 0) + 0.2817188376 * (g ?? 0) + 0.6299787005 * (b ?? 0));
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

/** The colour of that lightness, chroma and hue, null where no screen shows it. @param {number} light @param {number} chroma @param {number} hue @returns {Colour | null} */
function shown(light, chroma, hue) {
  const a = chroma * Math.cos(hue), b = chroma * Math.sin(hue);
  const l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3, m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3, s = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s];
  if (linear.some((v) => v < -0.001 || v > 1.001)) return null;
  const [red, green, blue] = linear.map((v) => Math.round(255 * Math.min(1, Math.max(0, v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055))));
  return [red ?? 0, green ?? 0, blue ?? 0];
}

/** @param {number[]} one @param {number[]} other */
const far = (one, other) => Math.hypot(...one.map((value, i) => value - (other[i] ?? 0)));

/** @type {Map<boolean, Colour[]>} */
const made = new Map();

/** `APART` colours, each the one that is furthest from all before it. @param {boolean} dark @returns {Colour[]} */
export function palette(dark) {
  const known = made.get(dark);
  if (known) return known;
  const lights = dark ? [0.6, 0.68, 0.77, 0.87] : [0.44, 0.53, 0.63, 0.74];
  /** @type {Colour[]} */
  const candidates = [];
  for (const light of lights) for (const chroma of CHROMAS) for (let i = 0; i < HUES; i++) {
    const colour = shown(light, chroma, (i * 2 * Math.PI) / HUES);
    if (colour) candidates.push(colour);
  }
  const places = candidates.map(lab);
  const taken = [lab(grey(dark)), lab(dark ? [29, 27, 23] : [255, 254, 252])];
  const least = places.map((place) => Math.min(...taken.map((other) => far(place, other))));
  /** @type {Colour[]} */
  const chosen = [];
  while (chosen.length < APART) {
    const best = least.indexOf(Math.max(...least)), colour = candidates[best], place = places[best];
    if (!colour || !place) break;
    chosen.push(colour);
    places.forEach((other, i) => { least[i] = Math.min(least[i] ?? 0, far(place, other)); });
  }
  made.set(dark, chosen);
  return chosen;
}

/**
 * Which colour each cluster has: one of its own for up to `APART`, else that of its family, so that a colour means one
 * coarser kind. The largest families and lone clusters come first; what is left over shares colours.
 * @param {{ id: string, size: number, family?: string | null }[]} clusters
 */
export function tones(clusters) {
  if (clusters.length <= APART) return clusters.map((_, k) => k);
  /** @type {Map<string, number>} */
  const sizes = new Map();
  for (const one of clusters) sizes.set(one.family ?? one.id, (sizes.get(one.family ?? one.id) ?? 0) + one.size);
  const order = [...sizes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name);
  const place = new Map(order.map((name, k) => [name, k]));
  return clusters.map((one) => place.get(one.family ?? one.id) ?? 0);
}
