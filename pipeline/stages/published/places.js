// Types and countries. Reads what the page shows of each cluster, so that nothing stands in the file twice.
(() => {
  const id = (name) => document.getElementById(name);
  const type = id("pick-type"), country = id("pick-country"), rows = id("places-rows");
  if (!type) return;
  const THUMBS = 8, MANY = 48;

  const regions = new Intl.DisplayNames(["en"], { type: "region" });
  const place = (code) => (/^[A-Z]{2}$/.test(code) ? regions.of(code) : code);
  const many = (count, noun, nouns) => `${count.toLocaleString("en")} ${count === 1 ? noun : nouns}`;
  const images = (count) => many(count, "image", "images");

  const types = [...type.options].slice(1).map((option) => {
    const element = id(option.value);
    const counts = new Map([...element.querySelectorAll(".chip")].map((chip) => [chip.dataset.pick, Number(chip.dataset.images)]));
    const tiles = [...element.querySelectorAll(".sheet > li > .tile")];
    return { value: option.value, name: element.querySelector("h2").textContent, counts, tiles };
  });
  const codes = [...country.options].slice(1).sort((one, other) => place(one.value).localeCompare(place(other.value), "en"));
  for (const option of codes) option.textContent = option.textContent.replace(option.value, () => place(option.value));
  country.append(...codes);

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const thumbs = (one, code, most) => {
    const found = one.tiles.filter((tile) => tile.dataset.country === code).map((tile) => tile.querySelector("img")).filter(Boolean);
    const shown = found.slice(0, most).map((image) => make("img", { src: image.src, alt: image.alt, decoding: "async" }));
    const rest = one.counts.get(code) - shown.length;
    return make("p", { className: "strip" }, ...shown, ...(rest > 0 ? [make("span", {}, `+${rest.toLocaleString("en")}`)] : []));
  };
  const row = (name, count, strip) => make("li", {}, make("p", { className: "where" }, name, make("span", { className: "count" }, images(count))), strip);
  const link = (one) => make("a", { href: `#${encodeURIComponent(one.value)}` }, one.name);
  const button = (text, act) => {
    const made = make("button", { type: "button", className: "pick" }, text);
    made.addEventListener("click", act);
    return made;
  };
  const inOrder = (pairs) => pairs.sort(([, one], [, other]) => other - one);

  const show = () => {
    const one = types.find(({ value }) => value === type.value), code = country.value;
    let found = [], said = "";
    if (one && code) {
      const count = one.counts.get(code) ?? 0;
      said = count ? `${one.name} in ${place(code)}: ${images(count)}` : `${one.name} does not occur in ${place(code)}.`;
      found = count ? [row(link(one), count, thumbs(one, code, MANY))] : [];
    } else if (one) {
      const total = [...one.counts.values()].reduce((sum, count) => sum + count, 0);
      said = `${one.name}: ${many(one.counts.size, document.body.dataset.groupLabel, document.body.dataset.groupLabels)}, ${images(total)}`;
      found = inOrder([...one.counts]).map(([each, count]) =>
        row(button(place(each), () => { type.value = ""; country.value = each; show(); country.focus(); }), count, thumbs(one, each, THUMBS)));
    } else if (code) {
      const there = inOrder(types.filter(({ counts }) => counts.has(code)).map((each) => [each, each.counts.get(code)]));
      said = `${place(code)}: ${many(there.length, "type", "types")}, ${images(there.reduce((sum, [, count]) => sum + count, 0))}`;
      found = there.map(([each, count]) => row(link(each), count, thumbs(each, code, THUMBS)));
    }
    rows.replaceChildren(...found);
    id("places-found").textContent = said;
  };
  type.addEventListener("change", show);
  country.addEventListener("change", show);
  show();
})();
