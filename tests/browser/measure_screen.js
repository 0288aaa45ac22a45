() => {
  // What is wrong with the screen as it stands: cut, overlapping, too small or too pale.
  const problems = [];
  const name = (element) => element.id || element.className.baseVal || element.className || element.tagName;
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const parse = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const groundOf = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(e).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const textBox = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const inside = (inner, outer) => inner.left >= outer.left - 1 && inner.top >= outer.top - 1
    && inner.right <= outer.right + 1 && inner.bottom <= outer.bottom + 1;
  const screen = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };

  if (document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight) problems.push("scrolls");
  const regions = [...document.querySelectorAll("header, main, footer")];
  const texts = [...document.querySelectorAll("h1, p, b, span, time, small")].filter((e) => !e.closest(".heard") && !e.children.length && e.textContent && e.getBoundingClientRect().width);
  for (const element of [...texts, ...document.querySelectorAll("main svg, footer svg, .face")]) {
    const own = element.getBoundingClientRect();
    if (!own.width) continue;
    const isText = texts.includes(element), box = isText ? textBox(element) : own;
    if (!inside(box, screen)) problems.push(`${name(element)} is cut by the screen`);
    const region = element.closest("header, main, footer"), card = element.closest(".face");
    if (!inside(own, region.getBoundingClientRect())) problems.push(`${name(element)} leaves its ${region.tagName}`);
    if (card && card !== element && !inside({ ...box.toJSON(), top: own.top, bottom: own.bottom }, card.getBoundingClientRect())) problems.push(`${element.textContent} leaves its card`);
    if (!isText) continue;
    const style = getComputedStyle(element), ratio = contrast(parse(style.color), groundOf(element));
    const least = element.matches("h1, #subtitle, .face b, #big-time") ? 7 : 4.5;
    if (ratio < least) problems.push(`${name(element)} has a contrast of ${ratio.toFixed(1)}`);
    if (parseFloat(style.fontSize) < 13) problems.push(`${name(element)} has letters of ${style.fontSize}`);
    if (element.scrollWidth > element.clientWidth + 1 && style.display !== "inline") problems.push(`${name(element)} is cut at its side`);
  }
  for (const [one, other] of [[0, 1], [1, 2]]) {
    if (regions[one].getBoundingClientRect().bottom > regions[other].getBoundingClientRect().top + 1) problems.push("regions overlap");
  }
  for (const region of regions) {
    const shown = texts.filter((e) => e.closest("header, main, footer") === region && !e.closest(".face")).map(textBox);
    for (const [i, a] of shown.entries()) {
      for (const b of shown.slice(i + 1)) {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 2 && high > Math.min(a.height, b.height) / 2) problems.push("texts overlap");
      }
    }
  }
  const sizes = new Set([...document.querySelectorAll(".face")].map((e) => `${Math.round(e.offsetWidth)}×${Math.round(e.offsetHeight)}`));
  if (sizes.size > 1) problems.push(`faces differ: ${[...sizes]}`);
  return problems;
}
