import { createMemorySource } from './memory.ts';
import { testSource } from './suite.ts';

testSource('memory', (initial) => {
  const source = createMemorySource(initial);
  return Promise.resolve({
    source,
    put: (object) => Promise.resolve(source.put(object)),
    remove: (ref) => Promise.resolve(source.remove(ref)),
    close: () => Promise.resolve(),
  });
});
