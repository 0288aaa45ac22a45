// Draws the charts of a page from the numbers in its own markup. Nothing is loaded from elsewhere.
"use strict";

(() => {
  const LEVELS = ["5", "4", "3", "2", "1"];
  const drawn = new Map();

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function hatched(level) {
    if (level > 2) return { symbol: "none" };
    return { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color: colour("--hatch") };
  }

  function ratio(point) {
    const rate = point.net.rate;
    return rate.base ? (100 * rate.numerator) / rate.base : null;
  }

  function label(point) {
    return point.hour === undefined ? point.label : String(point.hour).padStart(2, "0") + ":00";
  }

  // Days of one year need no year under every bar.
  function shortLabel(point, at, points) {
    const whole = label(point);
    const isOneYear = points[0].label && points[0].label.slice(0, 4) === points.at(-1).label.slice(0, 4);
    return isOneYear && whole.length === 10 ? whole.slice(5) : whole;
  }

  function tip(points, words, at) {
    const point = points[at];
    const lines = ["{head|" + label(point) + "}"];
    const rate = point.net.rate;
    lines.push(words.rate + "  {value|" + (rate.percent === null ? "—" : rate.percent + " %") + "}  " + rate.numerator + " / " + rate.base);
    for (const level of LEVELS) {
      if (point.net.levels[level]) lines.push(words.levels[level] + "  {value|" + point.net.levels[level] + "}");
    }
    if (point.excluded.ratings) lines.push(words.excluded + "  {value|" + point.excluded.ratings + "}");
    lines.push(words.unrated + "  {value|" + point.unrated + "}");
    return lines.join("\n");
  }

  function options(points, words, width) {
    const ink = colour("--ink");
    const soft = colour("--ink-soft");
    const line = colour("--line");
    const family = getComputedStyle(document.body).fontFamily;
    const lowest = Math.min(100, ...points.map(ratio).filter((value) => value !== null));
    const floor = Math.max(0, Math.min(90, Math.floor((lowest - 1) / 5) * 5));
    const axis = {
      type: "category",
      data: points.map(shortLabel),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: line } },
      axisLabel: { color: soft, fontFamily: family, fontSize: 12, hideOverlap: true },
      axisPointer: { show: true, type: "shadow", label: { show: false } },
    };
    const value = {
      type: "value",
      splitNumber: 2,
      axisLabel: { color: soft, fontFamily: family, fontSize: 12 },
      splitLine: { lineStyle: { color: line } },
      nameTextStyle: { color: soft, fontFamily: family, fontSize: 12, align: "left", padding: [0, 0, 0, -34] },
    };
    const left = 44;
    const bars = LEVELS.map((level) => ({
      name: words.levels[level],
      type: "bar",
      stack: "outcomes",
      xAxisIndex: 1,
      yAxisIndex: 1,
      barMaxWidth: Math.min(46, Math.max(6, (0.62 * (width - left)) / points.length)),
      itemStyle: { color: colour("--level-" + level), decal: hatched(Number(level)) },
      data: points.map((point) => point.net.levels[level]),
    }));
    bars.push({
      name: words.unrated,
      type: "bar",
      stack: "outcomes",
      xAxisIndex: 1,
      yAxisIndex: 1,
      itemStyle: { color: colour("--track"), borderColor: colour("--line-strong"), borderWidth: 1, borderType: "dashed" },
      data: points.map((point) => point.unrated),
    });
    const itemGap = width < 500 ? 8 : 18;
    const legendLines = linesOf(bars.map((bar) => bar.name), width - 10, `12px ${family}`, itemGap);
    return {
      animationDuration: 250,
      animationDurationUpdate: 250,
      textStyle: { fontFamily: family },
      tooltip: {
        trigger: "axis",
        renderMode: "richText",
        confine: true,
        backgroundColor: colour("--surface"),
        borderColor: colour("--line-strong"),
        padding: 12,
        textStyle: { color: ink, fontFamily: family, fontSize: 13, lineHeight: 21, rich: { head: { fontWeight: 600, fontSize: 13, lineHeight: 24, fontFamily: family }, value: { fontWeight: 600, fontSize: 13, fontFamily: family } } },
        formatter: (items) => tip(points, words, items[0].dataIndex),
      },
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      legend: {
        bottom: 0,
        left: "center",
        itemWidth: 12,
        itemHeight: 12,
        itemGap,
        data: bars.map((bar) => bar.name),
        textStyle: { color: soft, fontFamily: family, fontSize: 12 },
        inactiveColor: line,
      },
      grid: [
        { left, right: 12, top: 34, height: "21%" },
        { left, right: 12, top: "50%", bottom: 36 + 20 * legendLines },
      ],
      xAxis: [
        { ...axis, gridIndex: 0, axisLabel: { show: false } },
        { ...axis, gridIndex: 1 },
      ],
      yAxis: [
        { ...value, gridIndex: 0, min: floor, max: 100, interval: (100 - floor) / 2, name: words.rate + " %" },
        { ...value, gridIndex: 1, min: 0, minInterval: 1, name: words.ratings + " + " + words.unrated },
      ],
      series: [
        {
          name: words.rate,
          type: "line",
          xAxisIndex: 0,
          yAxisIndex: 0,
          data: points.map(ratio),
          symbol: "circle",
          symbolSize: points.length > 40 ? 4 : 8,
          showSymbol: true,
          lineStyle: { color: colour("--accent"), width: 2 },
          itemStyle: { color: colour("--accent"), borderColor: colour("--surface"), borderWidth: points.length > 40 ? 0 : 2 },
        },
        ...bars,
      ],
    };
  }

  // how many lines a legend takes: its words are longer in English
  function linesOf(names, width, font, gap) {
    const context = document.createElement("canvas").getContext("2d");
    context.font = font;
    let lines = 1;
    let used = 0;
    for (const name of names) {
      const own = 12 + 5 + context.measureText(name).width;
      if (used > 0 && used + gap + own > width) {
        lines += 1;
        used = 0;
      }
      used += (used > 0 ? gap : 0) + own;
    }
    return lines;
  }

  function draw(element) {
    const state = drawn.get(element);
    state.chart.setOption(options(state.points, state.words, element.clientWidth), { notMerge: false });
  }

  function start(element) {
    drawn.set(element, {
      chart: window.echarts.init(element, null, { renderer: "canvas" }),
      points: JSON.parse(element.dataset.points),
      words: JSON.parse(element.dataset.words),
    });
    draw(element);
    new ResizeObserver(() => {
      drawn.get(element).chart.resize();
      draw(element);
    }).observe(element);
  }

  function redraw() {
    for (const element of drawn.keys()) draw(element);
  }

  function cell(row, kind, text, className) {
    const made = document.createElement(kind);
    made.textContent = text;
    if (className) made.className = className;
    row.append(made);
  }

  function fillTable(element, points) {
    const body = element.parentElement.querySelector("[data-chart-table] tbody");
    if (!body) return;
    body.replaceChildren(
      ...points.map((point) => {
        const row = document.createElement("tr");
        cell(row, "th", label(point));
        for (const number of [point.invited, point.rated, point.unrated, point.excluded.ratings]) cell(row, "td", number.toLocaleString("en-US"), "number");
        const rate = point.net.rate;
        const over = " " + rate.numerator + " / " + rate.base;
        cell(row, "td", rate.percent === null ? "—" : rate.percent + " %" + over, "number");
        return row;
      }),
    );
  }

  for (const element of document.querySelectorAll("[data-chart]")) start(element);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  matchMedia("print").addEventListener("change", redraw);
  document.addEventListener("yiping:hours", (event) => {
    for (const [element, state] of drawn) {
      if (element.dataset.chart !== "hours") continue;
      state.points = event.detail;
      draw(element);
      fillTable(element, event.detail);
    }
  });
})();
