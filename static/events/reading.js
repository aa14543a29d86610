// What an event says, in one line.

const CHANNEL = /^(?:Dest|Source|Local\w*|Transferer|Transferee|Parker|Parkee|Old|New)?Channel\d?$/;
const DULL =
  /^(?:Event|Privilege|Timestamp|ActionID|SystemName|EventTV|EventVersion|SessionID|Severity)$|^Bridge(?!Uniqueid|Type)|(?:UniqueID)$/;
// What every event about a channel says of it, and of each further one with a word in front; a little of it is news.
const SNAPSHOT =
  /(?:ChannelState|ChannelStateDesc|CallerIDNum|CallerIDName|ConnectedLineNum|ConnectedLineName|Language|AccountCode|Context|Exten|Priority|Uniqueid|Linkedid)$/;
const OF_THE_SNAPSHOT = new Set(["CallerIDNum", "CallerIDName", "Exten", "ChannelStateDesc"]);
const NOTHING = new Set(["", "<unknown>", "<none>"]);

// Each: at, fields, name, channel, channels and text (all of them, in lower case), summary, and its row, once it is drawn.
export function readEvent([at, fields]) {
  const event = { at, fields, name: "", channel: "", channels: "", text: "", row: null };
  const own = [];
  const known = [];
  for (const [name, value] of fields) {
    event.text += `${name}: ${value}\n`.toLowerCase();
    if (CHANNEL.test(name)) event.channels += ` ${value.toLowerCase()}`;
    if (name === "Event" && !event.name) event.name = value;
    else if (CHANNEL.test(name) && !event.channel) event.channel = value;
    else if (NOTHING.has(value) || DULL.test(name)) continue;
    else if (!SNAPSHOT.test(name)) own.push(`${name}: ${value}`);
    else if (OF_THE_SNAPSHOT.has(name)) known.push(`${name}: ${value}`);
  }
  event.summary = [...own, ...known].join(" · ").slice(0, 300);
  return event;
}
