/** What every page runs. Charts are their own module, loaded only by pages that have some. */

import "./theme.js";
import "./menu.js";
import "./autosubmit.js";
import "./clipboard.js";
import "./times.js";
import "./htmx-feedback.js";
import "./live.js";
import "./shortcuts.js";

// The navigation scrolls by itself when it is higher than the window: the page one is on is never below its edge.
document.querySelector(".sidebar-body [aria-current]")?.scrollIntoView({ block: "nearest" });
