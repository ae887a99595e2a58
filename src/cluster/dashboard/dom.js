// Elements made of data, and changed in place when the data changes. Text only ever becomes text nodes and
// attributes: what operators, logs and exceptions say is never read as HTML.

const SVG = 'http://www.w3.org/2000/svg';

function make(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) {
      (element.handlers ??= {})[name.slice(2)] = value;
      element.addEventListener(name.slice(2), dispatch);
    } else if (name === 'value') {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

function dispatch(event) {
  return event.currentTarget.handlers[event.type]?.(event);
}

/** h('a', {href: '#x', onclick: f}, 'text', other): `key` names an element among its siblings. */
export const h = (tag, properties, ...children) => make(document.createElement(tag), properties, children);
export const s = (tag, properties, ...children) => make(document.createElementNS(SVG, tag), properties, children);

// Which of two elements stand for the same thing.
const sameThing = (a, b) =>
  a.nodeType === b.nodeType &&
  a.nodeName === b.nodeName &&
  (a.nodeType !== Node.ELEMENT_NODE || a.getAttribute('key') === b.getAttribute('key'));

/**
 * Makes `old` what `wanted` is, keeping elements that stay what they are, so that focus, selection and scrolling stay too.
 * What only the reader changes (whether a <details> is open, what stands in an <input>) is left alone, and so is what is
 * below an element with the attribute `keep`.
 */
export function patch(old, wanted) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== wanted.data) old.data = wanted.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value && name !== 'open') old.setAttribute(name, value);
  }
  if (wanted.handlers) {
    for (const type of Object.keys(wanted.handlers)) {
      if (!old.handlers?.[type]) old.addEventListener(type, dispatch);
    }
    old.handlers = wanted.handlers;
  }
  if (!old.hasAttribute('keep')) patchChildren(old, [...wanted.childNodes]);
}

export function patchChildren(old, wanted) {
  let at = old.firstChild;
  for (const child of wanted) {
    let found = at;
    while (found && !sameThing(found, child)) found = found.nextSibling;
    if (!found) {
      old.insertBefore(child, at);
      continue;
    }
    // Only what is gone stands between: order among those that stay rarely changes.
    while (at !== found) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
    at = found.nextSibling;
    patch(found, child);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

export const badge = (text, kind) => h('span', { class: `badge ${kind}` }, text);

/** Terms and what they come to. */
export const facts = (entries) =>
  h('dl', { class: 'facts' }, entries.filter(Boolean).map(([term, ...value]) => h('div', {}, h('dt', {}, term), h('dd', {}, value))));

export const card = (title, properties, ...children) =>
  h('section', { ...properties, class: `card ${properties?.class ?? ''}` }, title && h('h2', {}, title), children);

export const empty = (title, ...explanation) =>
  h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, title), h('p', {}, explanation));

/** A table that scrolls sideways within its card where it is wider; columns are [heading, class]. */
export function table(label, columns, rows) {
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
    h('table', {},
      h('thead', {}, h('tr', {}, columns.map(([heading, kind]) => h('th', { scope: 'col', class: kind }, heading)))),
      h('tbody', {}, rows)));
}
