// sharp on a list of files; the wish is JSON, the answer the numbers of files that it refused.
// `each` has one pipeline per size, as its manual shows; `once` decodes once, at the largest size,
// and makes the smaller ones from what that gave.
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';

const wish = JSON.parse(process.argv[2]);
const sizes = [...wish.sizes].sort((a, b) => b - a);
// The same files come again and again: what it remembers would be no work.
sharp.cache(false);
sharp.concurrency(1);

const box = (edge) => ({
  width: edge, height: edge, fit: 'inside', withoutEnlargement: true,
});
const jpeg = { quality: 80, chromaSubsampling: '4:2:0' };

async function each(file) {
  const made = [];
  for (const edge of sizes) {
    const picture = sharp(file, { failOn: 'none' }).autoOrient().resize(box(edge));
    made.push(await picture.flatten({ background: '#fff' }).jpeg(jpeg).toBuffer());
  }
  return made;
}

async function once(file) {
  let from = sharp(file, { failOn: 'none' }).autoOrient().flatten({ background: '#fff' });
  const made = [];
  for (const edge of sizes) {
    const picture = from.resize(box(edge)).toColourspace('srgb');
    const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    const raw = { width: info.width, height: info.height, channels: info.channels };
    from = sharp(data, { raw });
    made.push(await from.clone().jpeg(jpeg).toBuffer());
  }
  return made;
}

const refused = new Set();
let next = 0;

async function work() {
  while (next < wish.files.length * wish.times) {
    const turn = next++;
    const at = turn % wish.files.length;
    try {
      const made = await (wish.how === 'once' ? once : each)(wish.files[at]);
      if (wish.out && turn < wish.files.length) {
        made.forEach((bytes, n) => writeFileSync(`${wish.out}/${at}-${sizes[n]}.jpg`, bytes));
      }
    } catch {
      refused.add(at);
    }
  }
}

await Promise.all(Array.from({ length: wish.atOnce }, work));
console.log(JSON.stringify([...refused]));
