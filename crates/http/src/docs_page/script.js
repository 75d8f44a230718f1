/* Fills in this server's address, filters, and sends what the forms hold. Answers become text, never markup.
   The token stays in its field: nothing is stored. */
'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const token = document.getElementById('token');
  const filter = document.getElementById('filter');
  const LARGEST = 2 ** 20;
  const TELLING = /^(accept-ranges|allow|content-(disposition|length|range|type)|etag|idempotency-replayed|last-modified|location|ratelimit.*|repr-digest|retry-after|www-authenticate|x-request-id)$/;

  for (const element of all('[data-script]')) element.hidden = false;
  if (location.protocol.startsWith('http')) {
    for (const element of all('.origin')) element.textContent = location.origin;
  }

  if (navigator.clipboard) {
    for (const command of all('.curl')) {
      const button = document.createElement('button');
      button.className = 'copy';
      button.textContent = 'Copy';
      button.setAttribute('aria-label', 'Copy the command');
      button.onclick = async () => {
        const done = await navigator.clipboard.writeText(command.textContent).then(() => 'Copied', () => 'Not allowed');
        button.textContent = done;
        setTimeout(() => { button.textContent = 'Copy'; }, 2000);
      };
      command.before(button);
    }
  }

  const articles = all('article').map((element) => {
    const links = all(`nav a[href="#${element.id}"]`);
    return { element, text: element.querySelector('header').textContent.toLowerCase(), entry: links[0]?.parentElement };
  });
  filter.oninput = () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const { element, text, entry } of articles) {
      element.hidden = !words.every((word) => text.includes(word));
      if (entry) entry.hidden = element.hidden;
    }
    let left = 0;
    for (const section of all('main > section[id]')) {
      const shown = all('article:not([hidden])', section).length;
      left += shown;
      section.hidden = shown === 0;
      const link = document.querySelector(`nav a[href="#${section.id}"]`);
      if (link) link.parentElement.hidden = section.hidden;
    }
    document.getElementById('none').textContent = left ? '' : 'Nothing has these words.';
  };

  /* The request that a form's fields make. */
  function request(form) {
    let path = form.dataset.path;
    const query = new URLSearchParams();
    const headers = new Headers();
    const parts = new FormData();
    const files = [];
    let body;
    for (const field of form.elements) {
      const place = field.dataset.in;
      if (!place || field.value === '') continue;
      if (field.type === 'file') {
        for (const file of field.files) files.push([field.name, file]);
        continue;
      }
      for (const value of 'many' in field.dataset ? field.value.split('\n').filter(Boolean) : [field.value]) {
        if (place === 'path') path = path.replace(`{${field.name}}`, () => encodeURIComponent(value));
        if (place === 'query') query.append(field.name, value);
        if (place === 'header') headers.set(field.name, value);
        if (place === 'form') parts.append(field.name, value);
        if (place === 'body') {
          body = value;
          headers.set('Content-Type', field.dataset.kind);
        }
      }
    }
    /* Files last: the server knows the rest when their bytes begin. */
    for (const [name, file] of files) parts.append(name, file);
    if (!parts.entries().next().done) body = parts;
    if ('guarded' in form.dataset && token.value) headers.set('Authorization', `Bearer ${token.value.trim()}`);
    const url = query.size ? `${path}?${query}` : path;
    return [url, { method: form.dataset.method, headers, body, credentials: 'omit', cache: 'no-store' }];
  }

  /* The answer's body as text: JSON in lines, other kinds only by their size. */
  async function readable(answer) {
    const kind = answer.headers.get('Content-Type') ?? '';
    if (!/json|^text\//.test(kind) || answer.headers.get('Content-Length') > LARGEST) {
      await answer.body?.cancel();
      return ['', answer.body ? '(The body is not shown.)' : ''];
    }
    const text = await answer.text();
    try {
      const value = JSON.parse(text);
      return [value, JSON.stringify(value, null, 2)];
    } catch {
      return ['', text];
    }
  }

  async function send(form) {
    const status = form.querySelector('[role=status]');
    const shown = form.querySelector('.answer');
    const button = form.querySelector('button:not([type])');
    button.disabled = true;
    shown.hidden = true;
    status.textContent = 'Sent, waiting';
    try {
      const began = performance.now();
      const answer = await fetch(...request(form));
      const took = Math.round(performance.now() - began);
      const [value, text] = form.dataset.method === 'HEAD' ? ['', ''] : await readable(answer);
      const lines = [...answer.headers].filter(([name]) => TELLING.test(name)).map((pair) => pair.join(': '));
      shown.textContent = `${lines.join('\n')}\n\n${text}`.trim();
      shown.hidden = shown.textContent === '';
      const given = answer.ok && /^auth\.(login|refresh)$/.test(form.dataset.id) && value?.data?.token;
      if (given) token.value = given;
      if (answer.ok && form.dataset.id === 'auth.logout') token.value = '';
      status.textContent = `${answer.status} ${answer.statusText}, ${took} ms${given ? '; the token is now in its field above' : ''}`;
      status.className = answer.ok ? 'ok' : 'bad';
    } catch (error) {
      status.textContent = `No answer: ${error.message}`;
      status.className = 'bad';
    }
    button.disabled = false;
  }

  document.addEventListener('submit', (event) => {
    event.preventDefault();
    send(event.target);
  });
})();
