/** Making an element in one expression: its name, its attributes, what is in it. */

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An attribute that is `false` or undefined is left out; `true` makes it empty. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}
