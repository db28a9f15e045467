// @ts-check
// The bar at the top: in one row where the views and the tools fit beside each other, else in two. Only the content
// decides: names of categories, counts and languages have any width.

const bar = document.querySelector("header.top"), views = document.getElementById("views");

function fit() {
  if (!views) return;
  document.documentElement.classList.remove("two-rows");
  document.documentElement.classList.toggle("two-rows", views.scrollWidth > views.clientWidth);
}

/** Widths that were fitted last: a change of height alone is our own doing. */
let fitted = "";
const observer = new ResizeObserver(() => {
  const widths = [bar, ...(bar?.children ?? []), ...(views?.children ?? [])].filter((one) => one !== views).map((one) => Math.round(one?.getBoundingClientRect().width ?? 0)).join();
  if (widths === fitted) return;
  fitted = widths;
  fit();
});
if (bar && views) {
  for (const one of [bar, ...bar.children]) if (one !== views) observer.observe(one);
  new MutationObserver(fit).observe(views, { childList: true, subtree: true, characterData: true }); // counts grow
}
fit();
views?.querySelector("a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
