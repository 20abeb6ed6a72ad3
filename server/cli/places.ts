/** Where the command line finds what it starts and reads. */

export interface Places {
  /** The inference process's script. */
  readonly inference: string;
  /** The folder of the built-in pack. */
  readonly builtin: string;
}

export interface InspectPlaces extends Places {
  /** The script that draws a report. */
  readonly report: string;
}
