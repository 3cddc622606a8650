// The Passbook console: a client of the HTTP API on its own origin, and of no other service.
//
// Two rules hold throughout. Money is text: an amount is shown as the API wrote it and sent as the person typed it, and no
// arithmetic is done on it here. Data reaches the page as text nodes only.

const PAGE_SIZE = 25;
const LARGEST_PAGE = 200; // the API's own limit
const ANSWER_DEADLINE_MS = 30_000; // API Gateway gives up at 29 s; nothing later is worth waiting for
const READ_SIDE_PATIENCE_MS = 30_000;
const HEALTH_INTERVAL_MS = 15_000;
const TOKEN_ITEM = 'passbook.token';
const FLOWS_KEPT = 8;

const COMMAND_NAMES = { deposits: 'Deposit', withdrawals: 'Withdrawal', close: 'Closing' };
const INCOMING = new Set(['opening', 'deposit', 'transfer_in']);

// ------------------------------------------------------------------------------------------ elements

const byId = (id) => document.getElementById(id);

function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child)); // what is absent draws nothing
  return node;
}

function setText(root, selector, content) {
  for (const node of root.querySelectorAll(selector)) node.replaceChildren(content);
}

/** A description list of the values that exist. */
function facts(values) {
  return el('dl', { className: 'facts' }, ...Object.entries(values).map(([name, value]) =>
    value && el('div', {}, el('dt', {}, name), el('dd', { className: 'code' }, String(value)))));
}

/** A time as the API wrote it, cut to seconds for reading; the microseconds stay in the tooltip. */
function timeElement(text) {
  const parts = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/.exec(text);
  if (!parts) return el('time', {}, text);
  const whole = (part) => el('span', { className: 'whole' }, part); // a line may end between the two, not within
  return el('time', { dateTime: text, title: text }, whole(parts[1]), ' ', whole(`${parts[2]} UTC`));
}

// ----------------------------------------------------------------------------------------------- API

/** Any outcome except success. `problem` is the RFC 9457 body, or an object of the same shape when none came. */
class Refusal extends Error {
  constructor(status, problem, retryAfterSeconds) {
    super(problem.title);
    this.status = status; // 0: no answer came
    this.problem = problem;
    this.retryAfterMs = (retryAfterSeconds > 0 ? Math.min(retryAfterSeconds, 5) : 1) * 1000;
  }
}

async function request(method, path, { body, headers = {} } = {}) {
  const sent = { Accept: 'application/json, application/problem+json', ...headers };
  const token = sessionStorage.getItem(TOKEN_ITEM);
  if (token) sent.Authorization = `Bearer ${token}`;
  if (body !== undefined) sent['Content-Type'] = 'application/json';

  let response, text;
  try {
    response = await fetch(path, {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store', // a cached answer would hide what the read side knows now
      signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
    });
    text = await response.text(); // an answer cut short is no answer either
  } catch {
    throw new Refusal(0, { title: 'No answer', detail: 'The connection failed, or the answer took too long.' });
  }
  const answer = parseObject(text);
  if (!response.ok || answer === null) {
    const problem = answer ?? { title: `Unexpected answer (HTTP ${response.status})` };
    // After a success that cannot be read, the caller is as unsure as after no answer.
    throw new Refusal(response.ok ? 0 : response.status, problem, Number(response.headers.get('Retry-After')));
  }
  return { answer, replayed: response.headers.get('Idempotency-Replayed') === 'true' };
}

function parseObject(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return null;
  }
}

const accountPath = (id, rest = '') => `/accounts/${encodeURIComponent(id)}${rest}`;

// One key for one content. The key is dropped only when the command has succeeded. A refusal has no effect and is not
// remembered, so keeping its key is harmless. Dropping the key could turn "no answer, then 401, then a new token" into two
// deposits.
const openKeys = new Map();

async function sendCommand(path, body) {
  const content = `${path}\n${JSON.stringify(body)}`;
  if (!openKeys.has(content)) openKeys.set(content, crypto.randomUUID());
  const sentAt = performance.now();
  const headers = { 'Idempotency-Key': openKeys.get(content) };
  const { answer, replayed } = await request('POST', path, { body, headers });
  openKeys.delete(content);
  const answeredAt = performance.now();
  return { answer, replayed, answeredAt, writeMs: answeredAt - sentAt };
}

// ---------------------------------------------------------------------------------------------- flow

// The commands that were sent to each account here, newest first. A command is done once its events are in the event
// store. The read side has them a little later. A flow holds both times.
const flows = new Map();

function recordFlow(command, { answer: { account_id: id, version }, ...times }) {
  const flow = { command, version, ...times, readState: 'waiting' };
  flows.set(id, [flow, ...(flows.get(id) ?? [])].slice(0, FLOWS_KEPT));
}

const newestOwnVersion = (id) => Math.max(...flows.get(id).map((flow) => flow.version));

/** Reads the caller's own write: the answer waits until the read side has reached this version. */
function minVersion(id) {
  return flows.has(id) ? { 'Passbook-Min-Version': String(newestOwnVersion(id)) } : {};
}

function settleFlows(id, readVersion, readState) {
  for (const flow of flows.get(id) ?? []) {
    if (flow.readState !== 'waiting' || flow.version > readVersion) continue;
    flow.readState = readState;
    flow.readMs = performance.now() - flow.answeredAt;
  }
}

async function getAccount(id, onBehind) {
  const giveUpAt = performance.now() + READ_SIDE_PATIENCE_MS;
  for (let retried = false; ; retried = true) {
    try {
      const { answer } = await request('GET', accountPath(id), { headers: minVersion(id) });
      settleFlows(id, answer.version, retried ? 'at most' : 'measured'); // between two tries nobody looked
      return answer;
    } catch (refusal) {
      if (refusal.problem?.code !== 'projection_behind' || performance.now() > giveUpAt) {
        settleFlows(id, Infinity, 'not seen'); // some later look must not pass for the time it took
        throw refusal;
      }
      onBehind();
      await new Promise((resolve) => setTimeout(resolve, refusal.retryAfterMs));
    }
  }
}

const milliseconds = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

function readTime({ readState, readMs }) {
  if (readState === 'waiting' || readState === 'not seen') return readState;
  return `${readState === 'at most' ? '≤ ' : ''}${milliseconds(readMs)}`;
}

function renderFlows({ id, root }) {
  const all = flows.get(id) ?? [];
  root.querySelector('[data-no-flow]').hidden = all.length > 0;
  root.querySelector('[data-flow]').hidden = all.length === 0;
  if (all.length === 0) return;
  const number = (text) => el('td', { className: 'num' }, String(text));
  const row = (flow) => el('tr', {},
    number(flow.version), el('td', {}, flow.command), number(milliseconds(flow.writeMs)), number(readTime(flow)));
  root.querySelector('[data-flow-rows]').replaceChildren(...all.map(row));

  // The newest flow as two bars on one scale: the read side's bar begins where the command's bar ends.
  const [{ command, version, replayed, writeMs, readMs = writeMs, readState }] = all;
  setText(root, '[data-flow-text]', `${command} returned version ${version}${replayed ? ', the first answer again' : ''}`);
  setText(root, '[data-write-ms]', milliseconds(writeMs));
  setText(root, '[data-read-ms]', readTime(all[0]));
  const percent = (ms) => `${(100 * ms) / (writeMs + readMs)}%`;
  const [write, read] = root.querySelectorAll('.bar');
  write.style.width = read.style.marginInlineStart = percent(writeMs);
  read.style.width = percent(readMs);
  read.dataset.state = readState;
}

// ----------------------------------------------------------------------------------------- outcomes

/** A refusal in full, with its code and the correlation id that is in the server's logs. */
function problemBox({ problem, status }, { unplaced = problem.errors ?? [], advice, retry } = {}) {
  return el('div', { className: 'problem' },
    el('strong', {}, problem.title ?? `HTTP ${status}`),
    problem.detail && el('p', {}, problem.detail),
    el('ul', {}, ...unplaced.map((error) => el('li', {}, `${error.field}: ${error.message}`))),
    advice && el('p', {}, advice),
    facts({ Status: status, Code: problem.code, 'Correlation id': problem.correlation_id }),
    retry && el('button', { type: 'button', className: 'quiet', onclick: retry }, 'Try again'));
}

function clearOutcome(form, outcome) {
  outcome.replaceChildren();
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
  }
  for (const note of form.querySelectorAll('.field-error')) note.remove();
}

/** Puts each field error beside its field, and returns the errors whose field is not in this form. */
function placeFieldErrors(form, errors) {
  const unplaced = [];
  for (const error of errors) {
    const input = form.elements.namedItem(error.field);
    if (!input) {
      unplaced.push(error);
      continue;
    }
    const id = `${input.id}-error`;
    // The field is searched for in the form, because a form that was left is no longer part of the document.
    const note = form.querySelector(`#${id}`) ?? el('p', { id, className: 'field-error' });
    note.append(`${error.message} `);
    input.after(note);
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', id);
  }
  form.querySelector('[aria-invalid]')?.focus();
  return unplaced;
}

const OUTCOME_UNKNOWN = 'It is not known whether this took effect. '
  + 'Sending the same form again is safe: it carries the same idempotency key.';

/** Runs `submit` with the form's fields, one run at a time, and shows its message or its refusal. */
function bindCommandForm(form, outcome, submit) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    // The button is marked busy and not disabled, because a disabled button would lose the keyboard's focus.
    if (form.ariaBusy === 'true') return;
    form.ariaBusy = 'true';
    clearOutcome(form, outcome);
    try {
      const message = await submit(fieldsOf(form));
      form.reset();
      outcome.replaceChildren(el('p', { className: 'success' }, message));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      const unplaced = placeFieldErrors(form, refusal.problem.errors ?? []);
      const advice = refusal.status === 0 || refusal.status >= 500 ? OUTCOME_UNKNOWN : null;
      outcome.replaceChildren(problemBox(refusal, { unplaced, advice }));
    } finally {
      form.ariaBusy = null;
    }
  });
}

function outcomeText(name, { answer, replayed }) {
  const what = replayed ? `${name} had already been done, once` : `${name} done`;
  return `${what}: version ${answer.version}, balance ${answer.balance} ${answer.currency}, ${answer.status}.`;
}

/** A required field is sent even if it is empty, because the API decides what to say about it. */
function fieldsOf(form) {
  const fields = {};
  for (const { name, value, required } of form.elements) {
    const text = value.trim();
    if (name && (text || required)) fields[name] = name === 'currency' ? text.toUpperCase() : text;
  }
  return fields;
}

// -------------------------------------------------------------------------------------------- feeds

/** A list that grows by pages: the accounts, a statement, an audit trail. */
class Feed {
  /** `page(cursor, limit)` returns `{items, next}`. The member `key` tells two items apart. `row` draws an item. */
  constructor(root, { page, key, row, one, many }) {
    Object.assign(this, { page, key, row, one, many });
    this.body = root.querySelector('[data-rows]');
    this.note = root.querySelector('[data-note]');
    this.problem = root.querySelector('[data-problem]');
    this.more = root.querySelector('[data-more]');
    this.more.addEventListener('click', () => this.loadMore());
    this.keys = new Set();
    this.lastCursor = undefined; // of the page loaded last
    this.next = null; // of the page after it
    this.limit = PAGE_SIZE;
    this.turn = 0; // of the load whose answer counts
  }

  /** Loads one page and hands it to `place`. A later load makes this load's answer void. */
  async load(cursor, limit, place) {
    const turn = ++this.turn;
    this.more.ariaBusy = 'true';
    try {
      const { items, next } = await this.page(cursor, limit);
      if (turn !== this.turn) return;
      this.problem.replaceChildren();
      place(items, next);
      this.showCount();
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      if (turn !== this.turn) return;
      this.problem.replaceChildren(problemBox(refusal, { retry: () => this.load(cursor, limit, place) }));
    } finally {
      if (turn === this.turn) this.more.ariaBusy = null;
    }
  }

  reload(limit = PAGE_SIZE) {
    this.limit = limit;
    this.load(undefined, limit, (items, next) => this.replace(items, next));
  }

  startOver() {
    this.replace([], null);
    this.more.hidden = true;
    this.reload();
  }

  appendPage(cursor) {
    this.load(cursor, this.limit, (items, next) => { // a cursor goes with the parameters it came from
      this.body.append(...this.unseen(items));
      this.lastCursor = cursor;
      this.next = next;
    });
  }

  loadMore() {
    if (this.more.ariaBusy !== 'true' && this.next) this.appendPage(this.next);
  }

  /** For a feed that grows at the end: loads its last page again. Earlier pages have nothing new. */
  refreshEnd() {
    if (!this.next) this.appendPage(this.lastCursor);
  }

  /** For a feed that grows at the top: puts new items above, and keeps the pages already loaded. */
  refreshTop() {
    this.load(undefined, PAGE_SIZE, (items, next) => {
      // The new page shares no item with the shown items. There may be a gap between them, so the feed starts over.
      if (!items.some((item) => this.keys.has(item[this.key]))) this.replace(items, next);
      else this.body.prepend(...this.unseen(items));
    });
  }

  replace(items, next) {
    this.keys.clear();
    this.body.replaceChildren(...this.unseen(items));
    this.lastCursor = undefined;
    this.next = next;
    this.note.textContent = ''; // until the next answer counts
  }

  unseen(items) {
    const fresh = items.filter((item) => !this.keys.has(item[this.key]));
    for (const item of fresh) this.keys.add(item[this.key]);
    return fresh.map((item) => this.row(item));
  }

  showCount() {
    const count = this.keys.size;
    const noun = count === 1 ? this.one : this.many;
    this.note.textContent = count === 0 ? `No ${noun}.` : `${count} ${noun}${this.next ? ', and there are more' : ''}`;
    const hadFocus = document.activeElement === this.more;
    this.more.hidden = !this.next;
    // The button may just have vanished while it had the keyboard's focus.
    if (hadFocus && this.more.hidden) this.note.focus();
  }
}

async function getPage(path, params, member, headers) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value));
  const { answer } = await request('GET', `${path}?${query}`, { headers });
  return { items: answer[member], next: answer.next_cursor ?? null };
}

// ----------------------------------------------------------------------------------------- accounts

let filters = {};

const accounts = new Feed(byId('accounts-feed'), {
  page: (cursor, limit) => getPage('/accounts', { ...filters, cursor, limit }, 'accounts'),
  key: 'account_id', row: accountRow, one: 'account', many: 'accounts',
});

function accountRow(account) {
  const link = el('a', { href: `#/accounts/${account.account_id}`, className: 'row', 'data-account': account.account_id },
    el('span', { className: 'row-name', dir: 'auto' }, account.holder),
    el('span', { className: 'row-money num' }, account.balance, ' ', el('span', { className: 'unit' }, account.currency)),
    el('span', { className: 'hint' }, `${account.kind}${account.status === 'active' ? '' : `, ${account.status}`}`),
    el('span', { className: 'hint code row-id' }, `…${account.account_id.slice(-12)}`));
  if (account.account_id === current?.id) link.ariaCurrent = 'true';
  return el('li', { 'data-status': account.status }, link);
}

const listedLink = (id) => accounts.body.querySelector(`[data-account="${CSS.escape(id)}"]`);

function redrawListed(account) {
  const link = listedLink(account.account_id);
  const hadFocus = link?.matches(':focus');
  const row = accountRow(account);
  link?.parentElement.replaceWith(row);
  if (hadFocus) row.firstChild.focus();
}

function bindFilters() {
  const form = byId('filter-form');
  const apply = () => {
    filters = fieldsOf(form);
    byId('filters-on').textContent = Object.values(filters).join(', ');
    accounts.startOver(); // if the filter is refused, no list may pass for its answer
  };
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('submit', apply);
  form.addEventListener('reset', () => setTimeout(apply)); // the fields are emptied after this event
}

function bindOpenForm() {
  const form = byId('open-form');
  bindCommandForm(form, form.querySelector('.outcome'), async (fields) => {
    const done = await sendCommand('/accounts', fields);
    recordFlow('Opening', done);
    location.hash = `#/accounts/${done.answer.account_id}`; // its view waits for the read side
    return outcomeText('Opening', done);
  });
}

// ------------------------------------------------------------------------------------- one account

let current = null; // the account on screen; a view left behind goes on working on elements nobody sees

function showAccount(id, moveFocus) {
  const root = byId('account-template').content.firstElementChild.cloneNode(true);
  const part = (selector) => root.querySelector(selector);
  const view = { id, root, account: null, trailWanted: false };
  view.statement = new Feed(part('#panel-statement'), {
    page: (cursor, limit) => getPage(accountPath(id, '/transactions'), { cursor, limit }, 'transactions', minVersion(id)),
    key: 'version', row: transactionRow, one: 'entry', many: 'entries',
  });
  view.trail = new Feed(part('#panel-events'), {
    page: (cursor, limit) => getPage(accountPath(id, '/events'), { cursor, limit }, 'events'),
    key: 'version', row: eventRow, one: 'event', many: 'events',
  });
  current = view;
  document.title = 'Account – Passbook';
  part('[data-id]').textContent = id;
  bindTabs(view);
  for (const form of root.querySelectorAll('form[data-command]')) bindAccountCommand(view, form);
  bindTransferForm(view);
  byId('detail').replaceChildren(root);
  if (moveFocus) part('h2').focus();
  refreshAccount(view);
}

async function refreshAccount(view) {
  const waiting = view.root.querySelector('[data-waiting]');
  const problem = view.root.querySelector('[data-problem]');
  problem.replaceChildren();
  renderFlows(view);
  // The audit trail comes from the event store. It has the command's events before the read side does.
  if (view.trailWanted) view.trail.refreshEnd();
  try {
    const account = await getAccount(view.id, () => {
      waiting.textContent = `The read side has not reached version ${newestOwnVersion(view.id)} yet. Still asking.`;
    });
    showRow(view, account);
    view.statement.refreshTop();
    waiting.textContent = '';
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    waiting.textContent = '';
    problem.replaceChildren(problemBox(refusal, { retry: () => refreshAccount(view) }));
    if (!view.account) view.root.dataset.state = 'failed';
  }
  renderFlows(view);
}

function showRow(view, account) {
  if (view.account && account.version < view.account.version) return; // answers may overtake each other
  const firstSight = !view.account && !accounts.keys.has(account.account_id);
  view.account = account;
  const { root } = view;
  root.dataset.state = account.status;
  for (const name of ['holder', 'kind', 'balance', 'currency', 'status', 'version']) {
    setText(root, `[data-${name}]`, account[name]);
  }
  setText(root, '[data-opened]', timeElement(account.opened_at));
  setText(root, '[data-updated]', timeElement(account.updated_at));
  if (view === current) document.title = `${account.holder} – Passbook`;
  redrawListed(account);
  // An account that was opened here belongs in the list. So the list is loaded again, at least as long as it was.
  if (firstSight && flows.has(account.account_id)) {
    accounts.reload(Math.min(Math.max(accounts.keys.size + 1, PAGE_SIZE), LARGEST_PAGE));
  }
}

function bindAccountCommand(view, form) {
  const { command } = form.dataset;
  const name = COMMAND_NAMES[command];
  const outcome = view.root.querySelector('[data-outcome]');
  bindCommandForm(form, outcome, async (fields) => {
    // A close without a reason is sent without a body.
    const body = Object.keys(fields).length > 0 ? fields : undefined;
    const done = await sendCommand(accountPath(view.id, `/${command}`), body);
    recordFlow(name, done);
    // This is not awaited, because a read side that lags or fails does not make the command a failure.
    refreshAccount(view);
    return outcomeText(name, done);
  });
}

function bindTransferForm(view) {
  const outcome = view.root.querySelector('[data-outcome]');
  bindCommandForm(view.root.querySelector('form[data-transfer]'), outcome, async (fields) => {
    const done = await sendCommand('/transfers', { from: view.id, ...fields });
    const { transfer_id: id, from_version: version, from_balance: balance, currency } = done.answer;
    recordFlow('Transfer', { ...done, answer: { account_id: view.id, version } });
    refreshAccount(view);
    const text = done.replayed ? 'Transfer had already been made, once' : 'Transfer made';
    return el('span', {}, `${text}: version ${version}, balance ${balance} ${currency}. `, transferLink(id, 'The transfer'));
  });
}

const accountLink = (id) => el('a', { href: `#/accounts/${id}` }, id);
const transferLink = (id, text) => el('a', { href: `#/transfers/${id}` }, text);

/** The other account of a line, and the transfer that moved the money. */
function transferOfLine({ type, transfer_id: id, counterparty }) {
  return el('span', { className: 'reference' },
    `${INCOMING.has(type) ? 'from' : 'to'} `, el('span', { className: 'code' }, accountLink(counterparty)), ', ', transferLink(id, 'transfer'));
}

function transactionRow(transaction) {
  const incoming = INCOMING.has(transaction.type);
  // The amount has no sign. The type tells the direction of the money.
  const sign = el('span', { className: 'sign' }, incoming ? '+' : '−');
  return el('tr', {},
    el('td', { className: 'num hint' }, String(transaction.version)),
    el('td', {},
      el('span', {}, transaction.type.replace('_', ' ')),
      transaction.transfer_id && transferOfLine(transaction),
      transaction.reference && el('span', { className: 'reference', dir: 'auto' }, transaction.reference),
      el('span', { className: 'hint' }, timeElement(transaction.occurred_at))),
    el('td', { className: `num ${incoming ? 'incoming' : 'outgoing'}` }, sign, transaction.amount),
    el('td', { className: 'num' }, transaction.balance_after));
}

function eventRow(event) {
  return el('li', {}, el('details', {},
    el('summary', {},
      el('span', { className: 'num hint' }, String(event.version)),
      el('span', {}, event.type),
      el('span', { className: 'hint' }, timeElement(event.occurred_at))),
    el('pre', { tabIndex: 0 }, JSON.stringify(event.data, null, 2)),
    facts({ 'Event id': event.event_id, 'Correlation id': event.correlation_id })));
}

function bindTabs(view) {
  const tabs = [...view.root.querySelectorAll('[role="tab"]')];
  const select = (chosen) => {
    for (const tab of tabs) {
      tab.ariaSelected = String(tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      view.root.querySelector(`#${tab.getAttribute('aria-controls')}`).hidden = tab !== chosen;
    }
    if (chosen.id === 'tab-events' && !view.trailWanted) view.trail.refreshEnd();
    view.trailWanted ||= chosen.id === 'tab-events'; // the event store is asked only for those who look
    chosen.focus();
  };
  for (const [at, tab] of tabs.entries()) {
    tab.addEventListener('click', () => select(tab));
    tab.addEventListener('keydown', ({ key }) => {
      if (key === 'ArrowLeft' || key === 'ArrowRight') select(tabs[1 - at]); // of two, both arrows lead to the other
    });
  }
}

// ------------------------------------------------------------------------------------ one transfer

const transferPath = (id, rest = '') => `/transfers/${encodeURIComponent(id)}${rest}`;

function showTransfer(id, moveFocus) {
  const root = byId('transfer-template').content.firstElementChild.cloneNode(true);
  const view = { id, root };
  current = null;
  document.title = 'Transfer – Passbook';
  setText(root, '[data-id]', id);
  bindCommandForm(root.querySelector('form[data-reverse]'), root.querySelector('[data-outcome]'), async (fields) => {
    const done = await sendCommand(transferPath(id, '/reversal'), Object.keys(fields).length > 0 ? fields : undefined);
    const { to, to_version: version, to_balance: balance, currency } = done.answer;
    recordFlow('Reversal', { ...done, answer: { account_id: to, version } });
    refreshTransfer(view, done.answer.version);
    return `${done.replayed ? 'Transfer had already been reversed, once' : 'Transfer reversed'}: the recipient holds ${balance} ${currency}.`;
  });
  byId('detail').replaceChildren(root);
  if (moveFocus) root.querySelector('h2').focus();
  refreshTransfer(view);
}

async function refreshTransfer(view, version) {
  const { id, root } = view;
  const [waiting, problem] = [root.querySelector('[data-waiting]'), root.querySelector('[data-problem]')];
  problem.replaceChildren();
  waiting.textContent = version ? `Waiting for version ${version} of the read side.` : '';
  try {
    const headers = version ? { 'Passbook-Min-Version': String(version) } : {};
    showTransferRow(root, (await request('GET', transferPath(id), { headers })).answer);
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    problem.replaceChildren(problemBox(refusal, { retry: () => refreshTransfer(view, version) }));
    if (root.dataset.state === 'loading') root.dataset.state = 'failed';
  }
  waiting.textContent = '';
}

function showTransferRow(root, transfer) {
  root.dataset.state = transfer.status;
  for (const name of ['status', 'amount', 'currency']) setText(root, `[data-${name}]`, transfer[name]);
  setText(root, '[data-from]', accountLink(transfer.from));
  setText(root, '[data-to]', accountLink(transfer.to));
  setText(root, '[data-reference]', transfer.reference ?? '');
  setText(root, '[data-made]', timeElement(transfer.occurred_at));
  const isReversed = transfer.status === 'reversed';
  for (const node of root.querySelectorAll('[data-if-reversed]')) node.hidden = !isReversed;
  root.querySelector('[data-if-reversible]').hidden = isReversed;
  if (!isReversed) return;
  setText(root, '[data-reversed]', timeElement(transfer.reversed_at));
  setText(root, '[data-reason]', transfer.reversal_reason ?? '');
}

// ------------------------------------------------------------------------------------------ masthead

const HEALTH_TEXT = { ok: 'Healthy', failing: 'Unhealthy', unreachable: 'Unreachable' };

async function checkHealth() {
  let state = 'ok', report;
  try {
    report = (await request('GET', '/health')).answer;
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    state = refusal.status === 0 ? 'unreachable' : 'failing';
    report = refusal.problem;
  }
  const badge = byId('health-badge');
  badge.dataset.state = state;
  // The text is written only when it changes, because a screen reader reads out each change.
  if (badge.textContent !== HEALTH_TEXT[state]) badge.textContent = HEALTH_TEXT[state];
  byId('health-lines').replaceChildren(...healthLines(report).map((line) => el('li', {}, line)));
}

function healthLines({ dependencies, title = 'No details' }) {
  return dependencies?.map(({ name, status, detail }) => `${name}: ${status}${detail ? `, ${detail}` : ''}`) ?? [title];
}

function bindToken() {
  const form = byId('token-form');
  const input = byId('token-input');
  const say = (text, className) => form.querySelector('.outcome').replaceChildren(el('p', { className }, text));
  const showState = () => setText(document, '#token-state', sessionStorage.getItem(TOKEN_ITEM) ? 'Token set' : 'No token');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const token = input.value.trim().replace(/^Bearer\s+/i, '');
    if (!/^[\x21-\x7e]*$/.test(token)) { // no header could carry it
      say('A token has no spaces and only ASCII characters.', 'field-error');
      return;
    }
    if (token) sessionStorage.setItem(TOKEN_ITEM, token);
    else sessionStorage.removeItem(TOKEN_ITEM);
    input.value = '';
    say(token ? 'Token in use.' : 'No token is sent.', 'success');
    showState();
    // Another caller sees other accounts, so nothing from before may stay on screen.
    accounts.startOver();
    checkHealth();
    route(false);
  });
  showState();
}

// --------------------------------------------------------------------------------------------- start

function route(moveFocus) {
  const [, kind, found] = /^#\/(accounts|transfers)\/([0-9a-f-]{36})$/i.exec(location.hash) ?? [];
  const id = kind === 'accounts' ? found.toLowerCase() : undefined;
  document.body.dataset.page = kind ? 'account' : 'accounts';
  if (id) {
    showAccount(id, moveFocus);
  } else if (kind) {
    showTransfer(found.toLowerCase(), moveFocus);
  } else {
    current = null;
    document.title = 'Passbook';
    byId('detail').replaceChildren(el('p', { className: 'placeholder' }, 'Choose an account, or open one.'));
  }
  for (const link of accounts.body.querySelectorAll('[aria-current]')) link.ariaCurrent = null;
  if (id && listedLink(id)) listedLink(id).ariaCurrent = 'true';
}

bindFilters();
bindOpenForm();
bindToken();
addEventListener('hashchange', () => route(true));
route(false);
accounts.reload();

const checkHealthIfSeen = () => document.visibilityState === 'visible' && checkHealth();
checkHealthIfSeen();
setInterval(checkHealthIfSeen, HEALTH_INTERVAL_MS);
document.addEventListener('visibilitychange', checkHealthIfSeen);
