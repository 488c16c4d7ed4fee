// XML from a stranger. Documents come with a limit on their size; the parser knows no entities but XML's own five and opens nothing.

import { parseXml, XmlElement } from '@rgrove/parse-xml';

export type { XmlElement } from '@rgrove/parse-xml';

/** The outermost element of a document; undefined when the text is no well-formed XML. */
export function readXml(text: string): XmlElement | undefined {
  try {
    return parseXml(text).root ?? undefined;
  } catch {
    return undefined; // also where elements stand in each other a hundred thousand deep
  }
}

/** The elements that stand directly in `element` under one of the names, in their order. */
export function childrenOf(element: XmlElement, ...names: readonly string[]): readonly XmlElement[] {
  return element.children.filter((child): child is XmlElement => child instanceof XmlElement && names.includes(child.name));
}

/** The first of them. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element === undefined ? undefined : childrenOf(element, name)[0];
}

/** Its text. */
export function textIn(element: XmlElement | undefined, name: string): string | undefined {
  return childOf(element, name)?.text;
}
