// Columns of a table from the bytes of column_bytes.py.

const TYPES = { f8: Float64Array, f4: Float32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };

/** {count, columns: [{name, values, names}]}; the values are a copy that may be changed, `names` what they are places in. */
export function decodeColumns(bytes) {
  const length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  let at = 4 + length;
  const columns = header.columns.map(({ name, type, names }) => {
    const size = header.count * TYPES[type].BYTES_PER_ELEMENT;
    const values = new TYPES[type](bytes.slice(at, at + size));
    at += Math.ceil(size / 8) * 8;
    return { name, values, names };
  });
  return { count: header.count, columns };
}

/** The bytes of the key; throws an Error with a sentence. */
export async function fetchColumns(key) {
  try {
    const answer = await fetch(`/viewer/columns?key=${key}`);
    if (!answer.ok) throw new Error((await answer.json()).error);
    return await answer.arrayBuffer();
  } catch (error) {
    throw error instanceof TypeError ? new Error("The server does not answer: is it still running?") : error;
  }
}
