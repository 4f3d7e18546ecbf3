// Picture-in-picture, where the browser has it: the canvas as a stream in a small window that stays
// above others.

export const hasPictureInPicture = () =>
  Boolean(document.pictureInPictureEnabled && HTMLCanvasElement.prototype.captureStream);

let video = null;

/** Opens the small window for a player, or closes it; whether it is open then. */
export async function togglePictureInPicture(player) {
  if (document.pictureInPictureElement) {
    await document.exitPictureInPicture();
    return false;
  }
  video ??= Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = player.captureStream();
  await video.play();
  await video.requestPictureInPicture();
  // The buttons of the small window are those of the player.
  navigator.mediaSession?.setActionHandler("play", () => player.play());
  navigator.mediaSession?.setActionHandler("pause", () => player.pause());
  return true;
}
