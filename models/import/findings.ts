/** What an import knows of a model, and where from: shapes, configuration files, flags, or only what is usual. */

export interface Finding {
  readonly what: string;
  readonly value: string;
  readonly from: 'shapes' | 'config' | 'told' | 'assumed';
  /** The option that says otherwise. */
  readonly flag?: string;
  /** Whether what is usual differs between checkpoints of this kind, so that people should be asked. */
  readonly ambiguous?: boolean;
}
