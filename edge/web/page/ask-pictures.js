// The pictures that are asked about, and which of them is looked at.

const MAX_PICTURES = 16; // as many as one turn takes

/**
 * Each picture is {id, blob, name, camera, url, width, height, region, isSent, sentRegion}. Emits
 * `change` when pictures come, go or are chosen, `region` when the box on the chosen one changes.
 */
export class Pictures extends EventTarget {
  list = [];
  active = null;
  #lastId = 0;

  /** Put others in place of all there are. */
  replace(given) {
    for (const picture of this.list) URL.revokeObjectURL(picture.url);
    this.list = [];
    this.active = null;
    this.add(given);
  }

  /** Add {blob, name, camera}; the last becomes the active one. How many had no room. */
  add(given) {
    const room = MAX_PICTURES - this.list.length;
    for (const { blob, name, camera = "" } of given.slice(0, room)) {
      this.#lastId += 1;
      this.list.push({
        id: this.#lastId, blob, name, camera, url: URL.createObjectURL(blob),
        width: 0, height: 0, region: null, isSent: false, sentRegion: null,
      });
    }
    this.active = this.list.at(-1) ?? null;
    this.#tell("change");
    return Math.max(0, given.length - room);
  }

  remove(picture) {
    URL.revokeObjectURL(picture.url);
    this.list = this.list.filter((one) => one !== picture);
    if (this.active === picture) this.active = this.list.at(-1) ?? null;
    this.#tell("change");
  }

  choose(picture) {
    this.active = picture;
    this.#tell("change");
  }

  setRegion(region) {
    if (!this.active) return;
    this.active.region = region;
    this.#tell("region");
  }

  /** No picture counts as sent any more: the next question begins a new conversation. */
  forgetSent() {
    for (const picture of this.list) Object.assign(picture, { isSent: false, sentRegion: null });
  }

  /** What a question is about now: the active picture with the box on it, or all of them. */
  about(isAll) {
    return { isAll: isAll && this.list.length > 1, picture: this.active, region: this.active?.region ?? null };
  }

  /**
   * What has to be sent with a question, as [{picture, region}]: what it is about and the box has
   * not seen yet. A region comes alone, because the API cuts all pictures of a request alike.
   */
  toSend({ isAll, picture, region }) {
    if (isAll) return this.list.filter((one) => !one.isSent || one.sentRegion).map((one) => ({ picture: one, region: null }));
    const isKnown = picture.isSent && String(picture.sentRegion) === String(region);
    return isKnown ? [] : [{ picture, region }];
  }

  /** The box has seen these. */
  sent(pictures) {
    for (const { picture, region } of pictures) Object.assign(picture, { isSent: true, sentRegion: region });
  }

  #tell(kind) {
    this.dispatchEvent(new Event(kind));
  }
}
