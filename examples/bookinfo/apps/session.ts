/** Who is signed in: a cookie that the product page signs, so that nobody writes a name into it. */

import { createHmac, timingSafeEqual } from 'node:crypto';

/** The same for every replica; a demo whose passwords are not checked has nothing to protect with a better one. */
const key = process.env['SESSION_KEY'] ?? 'bookinfo';

/** `Set-Cookie` that signs the user in, or out if there is none. */
export function sessionCookie(user: string | undefined): string {
  if (user === undefined || user === '') return 'session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0';
  const content = Buffer.from(JSON.stringify({ user })).toString('base64url');
  return `session=${content}.${signatureOf(content)}; Path=/; HttpOnly; SameSite=Lax`;
}

/** The user of a `Cookie` header; undefined if nobody is signed in or the signature is not ours. */
export function readSession(cookies: string | undefined): string | undefined {
  const [, content = '', signature = ''] =
    /(?:^|;\s*)session=([\w-]{1,512})\.([\w-]{43})(?:;|$)/u.exec(cookies ?? '') ?? [];
  if (content === '' || !timingSafeEqual(Buffer.from(signature), Buffer.from(signatureOf(content)))) return undefined;
  return (JSON.parse(Buffer.from(content, 'base64url').toString('utf8')) as { user: string }).user;
}

function signatureOf(content: string): string {
  return createHmac('sha256', key).update(content).digest('base64url');
}
