// The cards of calls: the menus of their parties, the dialogs, and the keys.

import "./calls/dialogs.js";
import "./calls/keys.js";
import "./calls/menus.js";
import "./calls/parties.js";
