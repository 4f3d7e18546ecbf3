/**
 * `<deskreel-player src="https://server" stream="desk">`: a recorded desktop as a media element.
 *
 * It follows `HTMLMediaElement` where it can. Times are in seconds since 1970 UTC (the stream's
 * epoch): `currentTime = Date.parse("2026-01-31T12:00:00Z") / 1000`. Only `shownTime` and `moments`
 * are in milliseconds, because they name screenshots exactly.
 */
export class DeskreelPlayer extends HTMLElement {
  /**
   * A Deskreel server's origin (and path, if it has one), or the URL of a grant document: any URL
   * whose path ends in `.json`. Without it, the page's own origin.
   */
  src: string;
  /** The stream's name. Nothing is loaded without it. */
  stream: string;
  /** `contain` (the default) or `actual`: one screen pixel per recorded pixel. See also `zoom`. */
  fit: "contain" | "actual";
  /** Name of the monitor to show alone; empty: all of them, as they are laid out. */
  monitor: string;
  /** The attribute `preload="none"`: nothing is fetched before it is to be shown. */
  /** Bearer token for a server that wants one. Set before `stream`, or pass it to `renew`. */
  token: string | undefined;

  /** Setting it shows the newest screenshot at or before that time (or the first one). */
  currentTime: number;
  /** Length of the window in seconds: 24 hours. `NaN` before `loadedmetadata`. */
  readonly duration: number;
  /** The window's ends, in seconds since 1970. */
  readonly windowStart: number;
  readonly windowEnd: number;
  /** Time of the screenshot on the screen, milliseconds since 1970; `NaN` before the first. */
  readonly shownTime: number;
  /** Time of the newest screenshot known, milliseconds since 1970; `NaN` before there is one. */
  readonly newestTime: number;
  /** The server's clock, milliseconds since 1970. */
  readonly serverTime: number;
  /** Every pixel shown was hashed and is what was captured. */
  readonly exact: boolean;
  /** The pixels shown are being hashed; `exact` is known, and `shown` fired again, when that is done. */
  readonly proving: boolean;
  /** Times of all known screenshots of the window, milliseconds since 1970, ascending. */
  readonly moments: Float64Array;
  /**
   * For each of `moments`: how much happened, 0 to 127, plus 128 when nobody was at the desktop. It is
   * the share of the screen that changed, or an estimate from the bytes stored.
   */
  readonly activity: Uint8Array;
  /**
   * Stretches without screenshots; milliseconds since 1970. The last one lasts until now when the next
   * screenshot is overdue.
   */
  readonly gaps: { from: number; to: number; kind: GapKind }[];
  /** Seconds between screenshots as planned. */
  readonly interval: number;

  play(): Promise<void>;
  pause(): void;
  /** Goes that many screenshots forward (or back, if negative). */
  step(count?: number): void;
  readonly paused: boolean;
  readonly ended: boolean;
  readonly seeking: boolean;
  /** 0 nothing, 1 metadata, 2 a picture, 4 enough to play on. */
  readonly readyState: 0 | 1 | 2 | 4;
  /** Seconds per second, 0.1 to 3600; negative plays backward. */
  playbackRate: number;
  /** Whether playing leaps over stretches in which nobody did anything. */
  skipIdle: boolean;
  /** The stretch that playing repeats, in seconds since 1970, or `null`. Fires `loopchange`. */
  loop: [number, number] | null;
  /** Whether to go along with the newest screenshot. Seeking and playing end it. */
  live: boolean;
  /** Stretches of time whose screenshots are all here. */
  readonly buffered: { readonly length: number; start(i: number): number; end(i: number): number };
  readonly status: "loading" | "ready" | "empty" | "offline" | "expired" | "locked" | "denied";
  /** What is wrong with the screenshot shown, or `null`. */
  readonly error: DeskreelError | null;
  /**
   * Memory held, bytes: decoded tiles, packs as they were stored, manifests, the picture; and by the
   * decoding workers that all players of a page share (0: the page decodes itself).
   */
  readonly memory: {
    tiles: number; stored: number; manifests: number; picture: number; decoders: number;
  };
  /** Asks for access again, after `status` `expired`, `locked` or `denied`. */
  renew(token?: string): void;

  /**
   * Every moment of the window at which something changed in a rectangle (pixels of a surface,
   * widened to whole tiles): milliseconds since 1970, ascending. Manifests that are not here yet are
   * read first (`regionprogress`). They settle some changes; for the others the tiles before and after
   * are fetched and compared, which may take a minute for a busy rectangle of a day. One question at a
   * time: another one ends this one with `AbortError`, and so do `signal` and a tile that cannot be had.
   */
  regionHistory(rect: Rectangle, surface?: number, options?: Asking): Promise<Float64Array>;
  /**
   * All stretches of time in which the rectangle showed exactly what it shows now, this one included;
   * ends in seconds since 1970, like those of `buffered`.
   */
  seenWhen(
    rect: Rectangle, surface?: number, options?: Asking,
  ): Promise<DeskreelPlayer["buffered"]>;

  /**
   * Device pixels per recorded pixel, up to 8; setting it to 0 shows as much as fits. `fitted` tells
   * whether it does. Ctrl and wheel, pinch and drag do the same. Fires `viewchange`.
   */
  zoom: number;
  readonly fitted: boolean;
  /** To the next usual scale, larger or smaller, about a place of the page. */
  zoomStep(larger: boolean, clientX?: number, clientY?: number): void;
  /** What lies in the middle of the element, pixels of the desktop. */
  centre: { x: number; y: number };
  /** The monitors of the screenshot shown. */
  readonly monitors: Omit<Surface, "image">[];
  /** A place of the page in pixels of the desktop, and one of the desktop relative to the element. */
  toDesktop(clientX: number, clientY: number): { x: number; y: number };
  toElement(x: number, y: number): { x: number; y: number };
  /**
   * The screenshot nearest to a time (seconds since 1970) that is here already, drawn no larger than
   * `most` pixels a side; `time` is its own, in milliseconds. Asks the store for nothing.
   */
  preview(seconds: number, most?: number): { time: number; image: ImageData } | null;

  /**
   * The small picture nearest to a time (seconds since 1970) out of the storyboards that are here, in
   * an image: `time` is its own, in milliseconds. Fetches the storyboard of that time, which `storyboard`
   * tells of; `null` no longer does.
   */
  storyboard(seconds: number | null): Thumbnail | null;

  /** The surfaces shown with their exact pixels. */
  capture(): Surface[];
  /** The exact pixels of one surface. */
  pixels(surface?: number): ImageData | null;
  /** The whole desktop, or a rectangle of it, as PNG, exact to the bit. */
  toBlob(rect?: Rectangle): Promise<Blob | null>;
  /** What is shown as a video, for picture-in-picture. */
  captureStream(): MediaStream;
}

/** A picture that lies in an image of several. Lossy: for finding, not for reading. */
export interface Thumbnail {
  readonly time: number;
  readonly image: ImageBitmap;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export type GapKind = "paused" | "locked" | "excluded" | "offline" | "not running" | "unknown";

export interface Asking {
  /** Ends the question. */
  signal?: AbortSignal;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Surface {
  name: string;
  x: number;
  y: number;
  width: number;
  height: number;
  /** Pixels per logical pixel. */
  scale: number;
  image: ImageData;
}

/** The `detail` of `error` events. */
export interface DeskreelError {
  code: "missing" | "corrupt" | "refused" | "mismatch" | "too-large" | "listing" | "stream";
  /** Key of the object that it is about. */
  object: string;
  message: string;
}

/**
 * Events, all `CustomEvent`: `loadedmetadata`, `progress`, `seeking`, `seeked`, `timeupdate`,
 * `play`, `pause`, `waiting`, `playing`, `ratechange`, `ended`, and of its own:
 */
export interface DeskreelEvents {
  /**
   * Another screenshot is on the screen. A large one is drawn first and proved right after: then the
   * event comes with `proving`, and once more when it is known whether it is `exact`.
   */
  shown: CustomEvent<{ shownTime: number; exact: boolean; proving: boolean }>;
  /** Manifests are read for `regionHistory` or `seenWhen`; `times` are the changes certain by now. */
  regionprogress: CustomEvent<{ id: number; read: number; of: number; times: Float64Array }>;
  /** Another part of the desktop is looked at, or at another scale. */
  viewchange: CustomEvent<null>;
  loopchange: CustomEvent<null>;
  /** How things stand changed. */
  status: CustomEvent<{ status: DeskreelPlayer["status"]; reason: string }>;
  error: CustomEvent<DeskreelError>;
}

declare global {
  interface HTMLElementTagNameMap {
    "deskreel-player": DeskreelPlayer;
  }
}
