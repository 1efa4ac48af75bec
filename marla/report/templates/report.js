"use strict";
// Draws the charts of a report, in the colours that the reader's system asks for, and lets its timeline be zoomed.
(() => {
  const FAILED = 1, BACKUP = 2, COLD = 4, STRAGGLER = 8, REUSED = 16; // as in marla/report/timeline.py
  const CROSS = "M-1,-0.6L-0.6,-1L0,-0.4L0.6,-1L1,-0.6L0.4,0L1,0.6L0.6,1L0,0.4L-0.6,1L-1,0.6L-0.4,0Z";
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tip = document.getElementById("tip");
  const views = {};
  const numbers = new Intl.NumberFormat("en");

  // ---- colours ----

  const coloured = (value, theme) => {
    if (typeof value === "string") return value[0] === "@" ? theme[value.slice(1)] : value;
    if (Array.isArray(value)) return value.map((one) => coloured(one, theme));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, name === "values" ? one : coloured(one, theme)]),
    );
  };

  // ---- the timeline's data ----

  const kindOf = (marks, step) => {
    if (marks & FAILED) return "Failed";
    if (marks & REUSED) return "Reused";
    if (marks & BACKUP) return "Backup";
    return report.steps[step].kind === "map" ? "Map" : "Reduce";
  };

  const timelineData = () => {
    const { begin, took, init, step, lane, marks } = report.columns;
    const bars = [], cold = [], marked = [];
    for (let i = 0; i < begin.length; i += 1) {
      const b = begin[i] / report.unit;
      const e = (begin[i] + Math.max(1, took[i])) / report.unit;
      const l = lane[i] + 0.06, m = lane[i] + 0.94;
      bars.push({ i, b, e, l, m, k: kindOf(marks[i], step[i]) });
      if (marks[i] & COLD && init[i]) cold.push({ b, e: (begin[i] + init[i]) / report.unit, l, m });
      const y = lane[i] + 0.5;
      if (marks[i] & FAILED) marked.push({ i, x: e, y, s: CROSS });
      if (marks[i] & BACKUP) marked.push({ i, x: b, y, s: "triangle-up" });
      if (marks[i] & STRAGGLER) marked.push({ i, x: e, y, s: "diamond" });
    }
    return { bars, cold, marked };
  };

  const rowsOf = (i) => {
    const of = Object.fromEntries(Object.entries(report.columns).map(([name, values]) => [name, values[i]]));
    const step = report.steps[of.step];
    const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
    const said = [
      [FAILED, "failed"], [BACKUP, "backup"], [COLD, "cold start"], [STRAGGLER, "much slower than others"],
      [REUSED, "done before"],
    ].filter(([mark]) => of.marks & mark).map(([, text]) => text);
    return [
      [step.name, `task ${step.kind === "map" ? "" : `${of.partition}/`}${of.task}, attempt ${of.attempt + 1}`],
      ["began at", seconds(of.begin)],
      ["took", seconds(of.took) + (of.init ? `, of it ${seconds(of.init)} cold start` : "")],
      ["read", `${numbers.format(of.records_in)} records, ${numbers.format(of.bytes_in)} bytes`],
      ["wrote", `${numbers.format(of.records_out)} records, ${numbers.format(of.bytes_out)} bytes`],
      ...(of.memory ? [["memory", `${numbers.format(of.memory)} MB`]] : []),
      ...(of.error >= 0 ? [["error", report.errors[of.error]]] : []),
      ...(said.length ? [["", said.join(", ")]] : []),
    ];
  };

  // ---- what the pointer is over ----

  const hover = (_handler, event, _item, value) => {
    if (value === null || value === undefined || value === "") {
      tip.hidden = true;
      return;
    }
    tip.replaceChildren();
    for (const [name, text] of typeof value.i === "number" ? rowsOf(value.i) : Object.entries(value)) {
      const line = document.createElement("div"), label = document.createElement("span");
      label.textContent = name;
      line.append(label, ` ${text}`);
      tip.append(line);
    }
    tip.hidden = false;
    const { clientWidth, clientHeight } = document.documentElement;
    const left = Math.min(event.clientX + 14, clientWidth - tip.offsetWidth - 8);
    const below = event.clientY + 14 + tip.offsetHeight < clientHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? event.clientY + 14 : Math.max(8, event.clientY - 14 - tip.offsetHeight)}px`;
  };

  // ---- zooming ----

  let shown = [0, report.end / report.unit];
  let asked = false;
  const show = (from, to) => {
    shown = [from, to];
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      views.timeline?.signal("left", shown[0]).signal("right", shown[1]).runAsync();
    });
  };
  const buttons = [...document.querySelectorAll("#zoom button")];
  const press = (pressed) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const step = report.steps[Number(button.dataset.step)];
      const edge = step ? Math.max(1, (step.to - step.from) * 0.02) : 0;
      press(button);
      show((step ? Math.max(0, step.from - edge) : 0) / report.unit, (step ? step.to + edge : report.end) / report.unit);
    });
  }
  const brushed = (_name, value) => {
    const chosen = value && value.t;
    if (chosen && chosen[1] > chosen[0]) {
      press(null);
      show(chosen[0], chosen[1]);
    } else if (chosen === undefined && buttons.every((button) => button.getAttribute("aria-pressed") === "false")) {
      press(buttons[0]);
      show(0, report.end / report.unit);
    }
  };

  // ---- the graph: where it failed, or where it is, else its middle ----

  const picture = document.querySelector(".picture");
  if (picture) {
    const place = picture.querySelector(".state.is-failed, .state.is-running");
    const inside = picture.getBoundingClientRect(), at = (place || picture.firstElementChild).getBoundingClientRect();
    picture.scrollLeft += at.left + at.width / 2 - inside.left - inside.width / 2;
    if (place) picture.scrollTop += at.top + at.height / 2 - inside.top - inside.height / 2;
  }

  // ---- drawing ----

  const draw = async () => {
    const theme = report.themes[dark.matches ? "dark" : "light"];
    for (const place of document.querySelectorAll("[data-chart]")) {
      const name = place.dataset.chart;
      if (!(name in report.charts)) continue;
      const spec = coloured(report.charts[name], theme);
      if (name === "timeline") {
        spec.datasets = timelineData();
        [spec.params[0].value, spec.params[1].value] = shown;
      }
      views[name]?.finalize();
      const { view } = await vegaEmbed(place.firstElementChild, spec, {
        actions: false,
        ast: true, // expressions are interpreted: the page's policy allows no code that is made of text
        config: coloured(report.config, theme),
        defaultStyle: false,
        renderer: name === "timeline" ? "canvas" : "svg",
        tooltip: hover,
      });
      views[name] = view;
      if (name === "load") view.addSignalListener("brush", brushed);
    }
    document.documentElement.dataset.drawn = dark.matches ? "dark" : "light";
  };

  for (const time of document.querySelectorAll("time[data-local]")) {
    const moment = new Date(time.dateTime);
    if (moment.getTimezoneOffset()) time.after(` (${moment.toLocaleString()} where you are)`);
  }
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  const zoom = document.getElementById("zoom");
  if (zoom) zoom.hidden = false;
  let drawn = draw();
  dark.addEventListener("change", () => {
    drawn = drawn.then(draw);
  });
})();
