// Writes PNG files from exact pixels. A canvas could do it, but browsers that guard against
// fingerprinting alter what they read from one.

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) {
    byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  }
  return byte;
});

function crc32(...parts) {
  let crc = ~0;
  for (const part of parts) {
    for (const byte of part) {
      crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
    }
  }
  return ~crc >>> 0;
}

function chunk(name, data) {
  const type = new TextEncoder().encode(name);
  const frame = new DataView(new ArrayBuffer(8));
  frame.setUint32(0, data.length);
  frame.setUint32(4, crc32(type, data));
  const bytes = new Uint8Array(frame.buffer);
  return [bytes.subarray(0, 4), type, data, bytes.subarray(4)];
}

/**
 * A PNG of the rectangle `x`, `y`, `width`, `height` out of `surfaces`: objects of `x`, `y` and `image`
 * (an `ImageData`). Where no surface is, it is black. 8 bits of red, green and blue, nothing else.
 */
export async function encodePng(surfaces, { x, y, width, height }) {
  const rows = new Uint8Array(height * (1 + width * 3));
  for (const { x: left, y: top, image } of surfaces) {
    const [from, to] = [Math.max(x, left), Math.min(x + width, left + image.width)];
    for (let row = Math.max(y, top); row < Math.min(y + height, top + image.height); row++) {
      let source = ((row - top) * image.width + from - left) * 4;
      let target = (row - y) * (1 + width * 3) + 1 + (from - x) * 3;
      for (let column = from; column < to; column++, source += 4) {
        rows[target++] = image.data[source];
        rows[target++] = image.data[source + 1];
        rows[target++] = image.data[source + 2];
      }
    }
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  // Eight bits a channel, red, green and blue; the other bytes stay 0.
  header.setUint16(8, 0x0802);
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  const parts = [
    signature,
    ...chunk("IHDR", new Uint8Array(header.buffer)),
    ...chunk("IDAT", data),
    ...chunk("IEND", new Uint8Array()),
  ];
  return new Blob(parts, { type: "image/png" });
}
