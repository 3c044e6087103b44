// A ticket: all that the sheet of one node says, in one line. The same rules as node/fleet_schema/ticket.py, and the
// same vectors (tests/vectors/tickets.json). Pure; no sentence made here holds the secret.

const PORTS = {mqtt: 1883, mqtts: 8883};
const MAX_TICKET = 400;
const FORM = "a ticket looks like mqtt://ada:abcd-efgh-jkmn-pqrs@192.168.1.10/3b";

/** `part` is what is wrong: ticket, scheme, node, secret, host, port, base or ca; the message is for a person. */
export class TicketError extends Error {
  constructor(part, why) {
    super(why);
    this.part = part;
  }
}

/** {node, secret, host, port, base, tls, ca}; a link of a QR code and quotes around the line will do as well. */
export function parseTicket(typed) {
  let text = typed.trim().replace(/^[<>"'`]+|[<>"'`]+$/g, "").trim();
  const link = text.indexOf("/join#");
  if (link >= 0) text = text.slice(link + 6);
  if (!text) fail("ticket", `this is empty; ${FORM}`);
  if (text.length > MAX_TICKET) fail("ticket", `this is too long for a ticket; ${FORM}`);
  if (!/^[!-~]+$/.test(text)) {
    fail("ticket", "a ticket has no spaces and no special letters; copy it again, in one piece");
  }
  const [scheme, afterScheme] = cut(text, "://");
  const kind = scheme.toLowerCase(); // a phone writes the first letter large
  if (afterScheme === null || !Object.hasOwn(PORTS, kind)) {
    fail("scheme", `a ticket begins with mqtt:// or mqtts://; ${FORM}`);
  }
  const [line, ca] = cut(afterScheme, "#");
  const [who, base] = cut(line, "/");
  const at = who.lastIndexOf("@");
  if (at < 0) fail("node", `there is no @ between the secret and the address; ${FORM}`);
  const [node, secret] = cut(who.slice(0, at), ":");
  const [host, port] = cut(who.slice(at + 1), ":");
  const tls = kind === "mqtts";
  check(/^[a-z0-9][a-z0-9-]{0,19}$/.test(node), "node",
    `the id, before the :, has 1 to 20 of a-z, 0-9 and -, such as ada; ${FORM}`);
  check(secret !== "", "secret", "there is no secret between : and @; look at the sheet again");
  check(/^[A-Za-z0-9._~-]*$/.test(secret ?? ""), "secret",
    "the secret has only letters, digits and -; look at the sheet again");
  checkHost(host);
  check(port === null || (/^[0-9]+$/.test(port) && +port >= 1 && +port <= 65535), "port",
    "the port, after the second :, is a number from 1 to 65535, such as 1883");
  check(base, "base", "the class is missing: after the address comes / and its name, such as /3b");
  check(/^[a-z0-9][a-z0-9-]{0,15}$/.test(base), "base",
    `the class, after the /, has 1 to 16 of a-z, 0-9 and -, such as 3b; ${FORM}`);
  check(tls || ca === null, "scheme", "a ticket with # at its end begins with mqtts://, with an s");
  check(!tls || /^[0-9a-fA-F]{32}$/.test(ca ?? ""), "ca",
    "a ticket that begins with mqtts:// ends in # and 32 of 0-9 and a-f: copy all of it");
  return {
    node, secret: secret ?? "", host, port: port === null ? PORTS[kind] : +port, base, tls,
    ca: (ca ?? "").toLowerCase(),
  };
}

/** The line of a ticket; the default port is left out. */
export function ticketLine(ticket, secret = ticket.secret) {
  const kind = ticket.tls ? "mqtts" : "mqtt";
  const port = ticket.port === PORTS[kind] ? "" : `:${ticket.port}`;
  const login = ticket.node + (secret ? `:${secret}` : "");
  return `${kind}://${login}@${ticket.host}${port}/${ticket.base}${ticket.tls ? `#${ticket.ca}` : ""}`;
}

/** What a node's config.json says of it; `http` is the port of the dashboard, where it gets the CA certificate. */
export function ticketConfig(ticket, secret, http) {
  const {host, port, base, ca} = ticket;
  const broker = {host, port, user: secret && ticket.node, password: secret};
  if (ticket.tls) Object.assign(broker, {tls: true, ca: "ca.der", tls_name: `fleet-${base}`, fingerprint: ca, http});
  return {node: ticket.node, base: ticket.base, broker};
}

function checkHost(host) {
  const words = host.split(".");
  check(/^[A-Za-z0-9.-]+$/.test(host) && words.every(Boolean), "host",
    "the address after @ is one such as 192.168.1.10, or the name of a computer");
  check(!/^[0-9.]+$/.test(host) || (words.length === 4 && words.every((word) => +word <= 255)), "host",
    "an address of digits has four numbers from 0 to 255, such as 192.168.1.10");
}

/** [before, after] the first `mark`; after is null where there is none. */
function cut(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + mark.length)];
}

function check(good, part, why) {
  if (!good) fail(part, why);
}

function fail(part, why) {
  throw new TicketError(part, why);
}
