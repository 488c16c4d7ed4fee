import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readExposition } from '../../../src/metrics/exposition.ts';

const read = (text: string, added = {}) => readExposition(`${text}\n`, new Set(['a', 'a_bucket', ':t:a']), added);

describe('a page of metrics', () => {
  test.each<readonly [string, string, readonly (readonly [Readonly<Record<string, string>>, number])[]]>([
    ['without labels', 'a 7', [[{}, 7]]],
    ['with empty braces', 'a{} 7', [[{}, 7]]],
    ['with labels, a comma behind the last, and blanks', 'a{ x = "1" , y="2", } 7.5', [[{ x: '1', y: '2' }, 7.5]]],
    ['with braces, commas, quotes, backslashes and line ends in a value', String.raw`a{x="}, y=\"{\\",z="\n"} 1`, [[{ x: '}, y="{\\', z: '\n' }, 1]]],
    ['with colons in its name', ':t:a 3', [[{}, 3]]],
    ['with a time', 'a 7 1395066363000', [[{}, 7]]],
    ['with an exemplar, as OpenMetrics has it', 'a_bucket{le="8"} 17 # {trace_id="x"} 0.67', [[{ le: '8' }, 17]]],
    ['with numbers as Go writes them', 'a 1.27482e+06\na NaN\na +Inf\na -Inf', [[{}, 1274820], [{}, NaN], [{}, Infinity], [{}, -Infinity]]],
    ['with line ends of Windows', 'a 7\r\na{x="1"} 8\r\n', [[{}, 7], [{ x: '1' }, 8]]],
    ['with other metrics, also of longer names, and comments', '# TYPE a counter\nab 1\na_total 1\nb 1\n\na 2', [[{}, 2]]],
  ])('%s', (_, text, expected) => {
    expect(read(text).map(({ labels: { __name__: _name, ...labels }, value }) => [labels, value])).toEqual(expected);
  });

  test.each(['a', 'a{', 'a{x="1"', 'a{x="1} 7', 'a{x=1} 7', 'a{"x"} 7', 'a{x="1"} seven', 'a 7 8 9 10', 'a -'])('%j is refused, for what is left out has not happened', (text) => {
    expect(() => read(`a 1\n${text}\na 2`)).toThrow('A line of a cannot be read.');
  });

  test.each(['<html>a 7</html>', ' ', '"a" 7', 'é 1', '{__name__="a"} 7'])('%j is no series', (text) => {
    expect(read(text)).toEqual([]);
  });

  test('an end within a line is refused: the rest of the number is not there', () => {
    expect(() => readExposition('a 7\na 12', new Set(['a']), {})).toThrow('The metrics end within a line.');
    expect(readExposition('', new Set(['a']), {})).toEqual([]);
  });

  test('the place of the server goes before what it says of itself', () => {
    expect(read('a{pod="mine",x="1",__name__="b"} 7', { pod: 'fraud-1', namespace: 'risk' })).toEqual([
      { labels: { pod: 'fraud-1', namespace: 'risk', x: '1', __name__: 'a' }, value: 7 },
    ]);
  });

  test('whatever a server shows, it is read, or refused with a sentence', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('a', 'a{', '}', 'x="', '",', ' 7', '\n', '\\'))), (parts) => {
        try {
          for (const { value } of read(`a${parts.join('')}`)) expect(typeof value).toBe('number');
        } catch (error) {
          expect((error as Error).message).toBe('A line of a cannot be read.');
        }
      }),
    );
  });
});
