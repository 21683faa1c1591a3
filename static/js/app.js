/** What every page runs. Charts are their own module, loaded only by pages that have some. */

import "./theme.js";
import "./menu.js";
import "./clipboard.js";
import "./times.js";
import "./htmx-feedback.js";
import "./live.js";
import "./shortcuts.js";
