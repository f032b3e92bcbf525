// Runs in a worker: one JPEG in, its grey bytes out.

let canvas = null;

onmessage = async ({ data: { number, buffer, height, width } }) => {
  try {
    const bitmap = await createImageBitmap(new Blob([buffer], { type: "image/jpeg" }));
    canvas ??= new OffscreenCanvas(width, height);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
    const grey = new Uint8Array(width * height);
    for (let i = 0; i < grey.length; i++) grey[i] = pixels[i] & 255;
    postMessage({ number, grey: grey.buffer }, [grey.buffer]);
  } catch (error) {
    postMessage({ number, error: `A slice could not be decoded: ${error.message}` });
  }
};
