/** The two pages as HTML. Everything that comes from a service or a user is escaped here. */

/** What asking a service came to. */
export type Outcome =
  | { readonly kind: 'answer'; readonly json: unknown }
  | { readonly kind: 'failure'; readonly status: number; readonly sorry: string };

/** What the product page shows. */
export interface ProductView {
  readonly product: { readonly title: string; readonly descriptionHtml: string };
  readonly user: string | undefined;
  readonly details: Outcome;
  readonly reviews: Outcome;
}

interface Review {
  readonly reviewer?: unknown;
  readonly text?: unknown;
  readonly rating?: { readonly stars?: unknown; readonly color?: unknown; readonly error?: unknown };
}

const mostStars = 5;

/** The front page: which services there are and who calls whom. */
export function overviewPage(): string {
  return layout(
    undefined,
    `<main class="narrow">
  <h1>Bookinfo</h1>
  <p>One book, four small services. Every arrow is a call that the mesh can watch, split, delay, refuse and encrypt.</p>
  <pre class="map">browser → productpage ─┬→ details
                       └→ reviews v1          no stars
                          reviews v2 → ratings  black stars
                          reviews v3 → ratings  red stars</pre>
  <p class="actions"><a class="button" href="/productpage?u=normal">Normal user</a> <a class="button quiet" href="/productpage?u=test">Test user</a></p>
</main>`,
  );
}

/** The book with its details and reviews, or the apology of whichever service did not answer. */
export function productPage(view: ProductView): string {
  return layout(
    view.user ?? '',
    `<header class="hero">
  <div class="cover" aria-hidden="true"><span>C</span><span>of</span><span>E</span></div>
  <div>
    <h1>${escape(view.product.title)}</h1>
    <p>${view.product.descriptionHtml}</p>
  </div>
</header>
<main class="columns">
  <section>${detailsSection(view.details)}</section>
  <section>${reviewsSection(view.reviews)}</section>
</main>`,
  );
}

function detailsSection(details: Outcome): string {
  if (details.kind === 'failure') return failure('details', details.sorry);
  const book = (details.json ?? {}) as Readonly<Record<string, unknown>>;
  const rows: readonly (readonly [string, unknown])[] = [
    ['ISBN-10', book['ISBN-10']],
    ['Publisher', book['publisher']],
    ['Pages', book['pages']],
    ['Type', book['type']],
    ['Language', book['language']],
  ];
  const cells = rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${escape(value)}</td></tr>`);
  return `<h2>Book Details</h2>\n<table>\n${cells.join('\n')}\n</table>`;
}

function reviewsSection(reviews: Outcome): string {
  if (reviews.kind === 'failure') return failure('reviews', reviews.sorry);
  const { podname, clustername, reviews: list } = (reviews.json ?? {}) as Readonly<Record<string, unknown>>;
  const cards = (Array.isArray(list) ? (list as readonly Review[]) : []).map(reviewCard);
  const cluster =
    clustername === 'null' || clustername === undefined ? '' : ` on cluster <code>${escape(clustername)}</code>`;
  return `<h2>Book Reviews</h2>\n${cards.join('\n')}\n<p class="served">Reviews served by: <code>${escape(podname)}</code>${cluster}</p>`;
}

function reviewCard(review: Review): string {
  return `<blockquote>
<p>${escape(review.text)}</p>
<footer>${escape(review.reviewer)}${ratingLine(review.rating)}</footer>
</blockquote>`;
}

/** Class names of the stars are what the tutorials look for in the page. */
function ratingLine(rating: Review['rating']): string {
  if (rating === undefined) return '';
  if (rating.error !== undefined) return ` <span class="unrated">${escape(rating.error)}</span>`;
  const stars = Math.max(0, Math.min(mostStars, Math.trunc(Number(rating.stars)) || 0));
  const color = /^[a-z]{1,20}$/u.test(String(rating.color)) ? String(rating.color) : 'black';
  const filled = `<span class="glyphicon glyphicon-star text-${color}-500">★</span>`.repeat(stars);
  const empty = '<span class="star-empty">☆</span>'.repeat(mostStars - stars);
  return ` <span class="stars" role="img" aria-label="${stars} of ${mostStars} stars">${filled}${empty}</span>`;
}

function failure(what: 'details' | 'reviews', sorry: string): string {
  return `<div class="failure" role="alert"><h2>Error fetching product ${what}</h2>\n<p>${escape(sorry)}</p></div>`;
}

/** The user is undefined where nobody can sign in, empty where nobody has. */
function layout(user: string | undefined, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Simple Bookstore App</title>
<link rel="icon" href="/static/book.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/style.css">
</head>
<body>
<nav><a class="brand" href="/productpage">Bookinfo</a>${user === undefined ? '' : signIn(user)}</nav>
${content}
</body>
</html>
`;
}

function signIn(user: string): string {
  if (user !== '') return `<span class="user">${escape(user)} <a href="/logout">Sign out</a></span>`;
  return `<button class="button quiet" popovertarget="sign-in">Sign in</button>
<form id="sign-in" popover method="post" action="/login">
<label>User name <input name="username" autocomplete="username" required maxlength="64"></label>
<label>Password <input name="passwd" type="password" autocomplete="current-password"></label>
<p>Any password will do.</p>
<button class="button">Sign in</button>
</form>`;
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(value: unknown): string {
  const plain = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  return plain.replace(/[&<>"']/gu, (character) => escapes[character] ?? '');
}
