// What the page uses of temml.

export interface Branch {
  type?: string;
  text?: string;
  attributes?: Record<string, string>;
  style?: Record<string, string>;
  classes?: string[];
  children?: Branch[];
}
export function tree(source: string, options: Record<string, unknown>): Branch;
