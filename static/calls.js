// The cards of calls: the menus of their parties, and the keys. (Every page has the dialogs: my-phone.js.)

import "./calls/board.js";
import "./calls/keys.js";
import "./calls/menus.js";
import "./calls/parties.js";
