import { run } from './testing/run.ts';

// npm run format [-- PATH...]
process.exitCode = (await run('oxfmt', process.argv.slice(2))).code;
