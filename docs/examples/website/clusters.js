// Shows a published clusters.json: each active cluster with its typical images, by group, each with an address.

const KNOWN = [1]; // versions of the document that this page was written for
const MOST = 12; // images of a cluster at first
const main = document.querySelector("main");
const choice = document.querySelector("#group");
const told = document.querySelector("#told");

try {
  show(await load(main.dataset.clusters));
} catch (error) {
  told.textContent = `The kinds cannot be shown: ${error.message}`;
}

async function load(address) {
  const answer = await fetch(address, { cache: "no-cache" });
  if (!answer.ok) throw new Error(`${address} answers ${answer.status}`);
  const library = await answer.json();
  if (!KNOWN.includes(library.schemaVersion)) throw new Error(`version ${library.schemaVersion} is not known to this page`);
  return library;
}

function show(library) {
  const shown = library.clusters.filter((cluster) => cluster.status === "active");
  for (const group of Object.keys(library.index.countries).sort()) choice.add(new Option(group, group));
  const draw = () => {
    const group = choice.value;
    const sections = shown.map((cluster) => section(cluster, group)).filter((one) => one !== null);
    main.replaceChildren(...sections);
    told.textContent = `${sections.length} kinds`;
    if (location.hash) document.getElementById(idOf(shown, location.hash.slice(1)))?.scrollIntoView();
  };
  choice.addEventListener("change", draw);
  window.addEventListener("hashchange", draw);
  draw();
}

// An address may name a cluster by id, by its present slug, or by a former one.
function idOf(clusters, word) {
  return clusters.find((cluster) => cluster.id === word || cluster.slug === word || cluster.aliases.includes(word))?.id;
}

function section(cluster, group) {
  const images = group ? cluster.images.filter((image) => image.country === group) : typicalFirst(cluster);
  if (images.length === 0) return null;
  const made = document.createElement("section");
  made.id = cluster.id;
  const title = document.createElement("h2");
  const link = document.createElement("a");
  link.href = `#${cluster.slug}`;
  link.textContent = cluster.name ?? "Not named yet"; // text, never HTML: names come from people
  title.append(link, ` ${images.length}`);
  const row = document.createElement("ul");
  row.append(...images.slice(0, MOST).map((image) => picture(image, link.textContent)));
  made.append(title, ...(cluster.description ? [paragraph(cluster.description)] : []), row);
  return made;
}

function typicalFirst(cluster) {
  const first = cluster.representatives.map((image) => image.key);
  return [...cluster.representatives, ...cluster.images.filter((image) => !first.includes(image.key))];
}

function picture(image, name) {
  const item = document.createElement("li");
  const shown = new Image();
  shown.src = main.dataset.images + image.key.split("/").map(encodeURIComponent).join("/");
  shown.alt = `${name}: ${image.identifier}`;
  shown.loading = "lazy";
  shown.addEventListener("error", () => item.remove()); // such as HEIC, which most browsers cannot show
  item.append(shown);
  return item;
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}
