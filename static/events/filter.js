// The filter: here at once over what is kept, and at the server for what comes.

import { byId } from "../panel/dom.js";

export const inputs = { name: byId("events-name"), channel: byId("events-channel"), text: byId("events-text") };

let filter = { names: [], unwanted: [], channel: "", text: "" };

export function readFilter() {
  const names = inputs.name.value.toLowerCase().split(/\s+/).filter(Boolean);
  filter = {
    names: names.filter((name) => !name.startsWith("-")),
    unwanted: names.filter((name) => name.startsWith("-") && name.length > 1).map((name) => name.slice(1)),
    channel: inputs.channel.value.trim().toLowerCase(),
    text: inputs.text.value.trim().toLowerCase(),
  };
}

export function fits(event) {
  const name = event.name.toLowerCase();
  return (
    (!filter.names.length || filter.names.some((part) => name.includes(part))) &&
    !filter.unwanted.some((part) => name.includes(part)) &&
    (!filter.channel || event.channels.includes(filter.channel)) &&
    (!filter.text || event.text.includes(filter.text))
  );
}

export const filterMessage = () =>
  `filter ${JSON.stringify({ name: inputs.name.value, texts: [filter.channel, filter.text].filter(Boolean) })}`;
