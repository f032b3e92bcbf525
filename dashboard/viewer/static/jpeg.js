// JPEG slices to grey bytes, in a worker, so that decoding never holds up scrolling.

let worker = null;
let number = 0;
const waiting = new Map();

/** The grey values of a JPEG of the given shape [rows, columns]. */
export function decodeJpeg(buffer, [height, width]) {
  worker ??= makeWorker();
  return new Promise((resolve, reject) => {
    waiting.set(++number, { resolve, reject });
    worker.postMessage({ number, buffer, height, width }, [buffer]);
  });
}

function makeWorker() {
  const made = new Worker(new URL("./jpeg_worker.js", import.meta.url), { type: "module" });
  made.onmessage = ({ data }) => {
    const { resolve, reject } = waiting.get(data.number);
    waiting.delete(data.number);
    if (data.error) reject(new Error(data.error));
    else resolve(new Uint8Array(data.grey));
  };
  return made;
}
