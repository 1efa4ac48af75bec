/**
 * Tabs, as https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ has them: arrows choose, and the address keeps the
 * choice.
 */

/**
 * @param {HTMLElement} list of role tablist
 * @param {(name: string) => void} chosen told of each tab as it is shown: the end of its id
 * @returns {(name: string) => void} shows a tab
 */
export function tabs(list, chosen) {
  const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role="tab"]')]);
  const nameOf = (/** @type {HTMLElement} */ tab) => tab.id.replace("tab-", "");

  const show = (/** @type {string} */ name) => {
    for (const tab of all) {
      const isIt = nameOf(tab) === name;
      tab.setAttribute("aria-selected", String(isIt));
      tab.tabIndex = isIt ? 0 : -1;
      const panel = document.getElementById(`panel-${nameOf(tab)}`);
      if (panel) panel.hidden = !isIt;
    }
    chosen(name);
  };
  const choose = (/** @type {HTMLElement} */ tab) => {
    history.replaceState(null, "", `#${nameOf(tab)}`);
    show(nameOf(tab));
  };
  list.addEventListener("click", (event) => {
    const tab = /** @type {HTMLElement} */ (event.target).closest('[role="tab"]');
    if (tab) choose(/** @type {HTMLElement} */ (tab));
  });
  list.addEventListener("keydown", (event) => {
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const places = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 };
    if (at < 0 || !(event.key in places)) return;
    event.preventDefault();
    const tab = all[(places[event.key] + all.length) % all.length];
    tab.focus();
    choose(tab);
  });
  const asked = location.hash.slice(1);
  show(all.some((tab) => nameOf(tab) === asked) ? asked : nameOf(all[0]));
  return show;
}
