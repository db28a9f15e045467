"use strict";
(() => {
  const id = (name) => document.getElementById(name);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const query = id("query"), country = id("country"), which = id("which"), found = id("found");
  const groupLabel = document.body.dataset.groupLabel;
  const images = (count) => `${count.toLocaleString("en")} ${count === 1 ? "image" : "images"}`;

  // Country names come with the browser; a group that is no country code keeps its own spelling.
  const regions = new Intl.DisplayNames(["en"], { type: "region" });
  const place = (code) => (/^[A-Z]{2}$/.test(code) ? regions.of(code) : code);

  const sections = all("section[data-flags]").map((element) => {
    const chips = all(".chip", element);
    for (const chip of chips) {
      chip.title = place(chip.dataset.pick);
      chip.setAttribute("aria-pressed", "false");
    }
    return {
      element, chips,
      tiles: all(".sheet > li", element),
      flags: element.dataset.flags.split(" "),
      text: [id(element.getAttribute("aria-labelledby")), ...all(".about, .facts code", element)]
        .map((part) => part.textContent).join(" ").toLowerCase(),
      counts: new Map(chips.map((chip) => [chip.dataset.pick, Number(chip.dataset.images)])),
    };
  });
  const links = all("nav ol a");
  const apart = { element: id("unclustered"), tiles: all("#unclustered .sheet > li") };
  const keyOf = (tile) => (tile.querySelector("img")?.alt ?? tile.querySelector(".blank").firstChild.data);
  for (const tile of [...sections.flatMap((section) => section.tiles), ...apart.tiles]) {
    tile.button = tile.firstElementChild;
    tile.key = keyOf(tile.button);
    tile.search = tile.key.toLowerCase();
  }

  const options = [...country.options].slice(1);
  for (const option of options) option.textContent = option.textContent.replace(option.value, () => place(option.value));
  options.sort((one, other) => one.textContent.localeCompare(other.textContent, "en"));
  country.append(...options);

  // Each thumbnail is in the file once; the list of clusters borrows the address of its representative.
  links.forEach((link, index) => {
    const image = sections[index].tiles[0]?.querySelector("img");
    if (!image) return;
    const small = new Image();
    small.alt = "";
    small.decoding = "async";
    small.src = image.src;
    link.querySelector(".thumb").append(small);
  });

  const sift = (tiles, text, wanted, whole) => {
    let left = 0;
    for (const tile of tiles) {
      const fits = (!wanted || tile.button.dataset.country === wanted) && (whole || tile.search.includes(text));
      // The representative stays, pale, so that a cluster remains recognisable while it is filtered.
      tile.hidden = !fits && !tile.classList.contains("main");
      tile.classList.toggle("pale", !fits && tile.classList.contains("main"));
      left += fits;
    }
    return left;
  };

  const apply = () => {
    const text = query.value.trim().toLowerCase(), wanted = country.value, flag = which.value;
    const filtered = Boolean(text || wanted || flag);
    let clusters = 0, total = 0;
    sections.forEach((section, index) => {
      const whole = section.text.includes(text);
      const left = sift(section.tiles, text, wanted, whole);
      const counted = whole ? (wanted ? section.counts.get(wanted) ?? 0 : left) : left;
      const show = (!flag || section.flags.includes(flag)) && (!wanted || section.counts.has(wanted)) && (whole || left > 0);
      section.element.hidden = links[index].parentElement.hidden = !show;
      for (const chip of section.chips) chip.setAttribute("aria-pressed", String(chip.dataset.pick === wanted));
      clusters += show;
      total += show ? counted : 0;
    });
    const loose = sift(apart.tiles, text, wanted, !text);
    apart.element.hidden = filtered && (flag !== "" || loose === 0);
    document.body.classList.toggle("filtered", filtered);
    id("none").hidden = !filtered || clusters > 0 || loose > 0;
    const where = wanted ? `${place(wanted)}: ` : "";
    const rest = loose && !flag ? `, ${loose} unclustered` : "";
    const size = flag && !wanted && !text ? "" : `, ${images(total)}`;
    label();
    found.textContent = filtered ? `${where}${clusters} of ${sections.length} clusters${size}${rest}` : "";
  };

  // By family: clusters that are kinds of one kind stand together. Moved, not restyled, so that the keyboard follows.
  const order = id("order");
  const families = new Map();
  for (const section of sections) {
    const name = section.element.dataset.family ?? "";
    if (!families.has(name)) families.set(name, { sections: [], heading: document.createElement("p") });
    families.get(name).sections.push(section);
  }
  const alone = families.get("");
  if (alone) { families.delete(""); families.set("", alone); }
  for (const [name, family] of families) {
    const count = `${family.sections.length} ${family.sections.length === 1 ? "cluster" : "clusters"}`;
    family.heading.className = "family";
    family.heading.textContent = name ? `A family of ${count}` : `${count} in no family`;
  }
  const label = () => {
    for (const family of families.values()) {
      family.heading.hidden = order?.value !== "family" || family.sections.every(({ element }) => element.hidden);
    }
  };
  const arrange = () => {
    const grouped = [...families.values()].flatMap((family) => [family.heading, ...family.sections.map(({ element }) => element)]);
    const plain = sections.map(({ element }) => element);
    apart.element.before(...(order.value === "family" ? grouped : plain));
    const places = order.value === "family" ? [...families.values()].flatMap((family) => family.sections) : sections;
    links[0]?.closest("ol").append(...places.map((section) => links[sections.indexOf(section)].parentElement));
    label();
  };
  order?.addEventListener("change", arrange);

  const clear = () => {
    query.value = country.value = which.value = "";
    apply();
  };
  query.addEventListener("input", apply);
  country.addEventListener("change", apply);
  which.addEventListener("change", apply);
  id("clear").addEventListener("click", () => { clear(); query.focus(); });

  // The enlarged view.
  const box = id("box");
  let current = null;
  const shown = () => all(".sheet > li:not([hidden])").filter((tile) => !tile.closest("section").hidden);
  const fact = (name, value) => {
    if (!value) return [];
    const row = document.createElement("div"), term = document.createElement("dt"), detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    row.append(term, detail);
    return [row];
  };
  // The image around an object, with its box drawn on it.
  const scenes = new Map(all("img", id("scenes")?.content ?? document.createElement("div")).map((image) => [image.alt, image]));
  const scene = ({ scene: key, box: sides }) => {
    const known = scenes.get(key);
    if (!known) return null;
    const svg = (name, values) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [attribute, value] of Object.entries(values)) made.setAttribute(attribute, value);
      return made;
    };
    const figure = svg("svg", { class: "scene", role: "img", "aria-label": `Where it is in ${key}` });
    const image = new Image();
    image.addEventListener("load", () => {
      const [x, y, w, h] = sides.split(" ").map(Number), { naturalWidth: width, naturalHeight: height } = image;
      figure.setAttribute("viewBox", `0 0 ${width} ${height}`);
      figure.append(
        svg("image", { href: known.src, width, height }),
        svg("rect", { x: x * width, y: y * height, width: w * width, height: h * height }),
      );
    });
    image.src = known.src;
    return figure;
  };
  const open = (tile) => {
    current = tile;
    const { country: code, probability, full } = tile.button.dataset;
    const source = tile.querySelector("img");
    id("box-image").replaceChildren();
    if (source) {
      const image = new Image();
      image.alt = tile.key;
      image.src = source.src;
      id("box-image").append(image);
    }
    const around = scene(tile.button.dataset);
    if (around) id("box-image").append(around);
    const section = tile.closest("section"), near = tile.querySelector(".near");
    id("box-key").textContent = tile.key;
    id("box-facts").replaceChildren(
      ...fact("Cluster", section.querySelector("h2").textContent),
      ...fact(groupLabel[0].toUpperCase() + groupLabel.slice(1), code && (place(code) === code ? code : `${place(code)} (${code})`)),
      ...fact("Probability", probability && Number(probability).toFixed(2)),
      ...fact("Nearest cluster", near?.lastChild.textContent),
      ...fact("Role", tile.button.getAttribute("aria-description")),
    );
    const link = id("box-full");
    link.hidden = !full;
    if (full) link.href = full; else link.removeAttribute("href");
    if (!box.open) box.showModal();
  };
  const step = (by) => {
    const tiles = shown();
    open(tiles[(tiles.indexOf(current) + by + tiles.length) % tiles.length]);
  };
  box.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) { event.preventDefault(); step(by); }
  });
  box.addEventListener("close", () => { current?.button.scrollIntoView({ block: "nearest" }); current?.button.focus(); });
  id("box-back").addEventListener("click", () => step(-1));
  id("box-next").addEventListener("click", () => step(1));
  id("box-close").addEventListener("click", () => box.close());

  document.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile"), chip = event.target.closest(".chip"), link = event.target.closest("a[href^='#']");
    if (event.target === box) box.close(); // the backdrop
    if (tile) open(tile.parentElement);
    if (chip) {
      country.value = country.value === chip.dataset.pick ? "" : chip.dataset.pick;
      apply();
      chip.closest("section").scrollIntoView({ block: "nearest" });
    }
    const target = link && id(decodeURIComponent(link.hash.slice(1)));
    if (target?.hidden) clear(); // a link to a cluster that the filters hide
  });
  id("main").addEventListener("keydown", (event) => {
    const tile = event.target.closest?.(".tile");
    const by = tile && { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const tiles = shown(), next = tiles[tiles.indexOf(tile.parentElement) + by];
    if (next) { event.preventDefault(); next.button.focus(); }
  });

  if (matchMedia("(max-width: 60rem)").matches) id("jump").open = false;
  apply(); // browsers keep what was typed when a page is loaded again
})();
