// The bar of my phone, on every page: the dialogs about its calls, and what an incoming call does beside being shown.

import "./calls/dialogs.js";
import "./calls/dragging.js";
import "./calls/parties.js";
import "./phone/ringing.js";
import "./phone/settings.js";
import "./phone/tabs.js";
import "./phone/tones.js";
