// jest's environment for Node, with an ordinary global object. jest's own asks a Proxy whenever a test or a module names Math, Object or
// Infinity, which is some sixty times as slow: simulated worlds, which do little else than compute, took three times as long.
import { TestEnvironment } from 'jest-environment-node';
import vm from 'node:vm';

// eslint-disable-next-line no-restricted-syntax -- jest takes the default export of a file that it is told of
export default class extends TestEnvironment {
  constructor(...given: ConstructorParameters<typeof TestEnvironment>) {
    const { createContext } = vm;
    vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
    try {
      super(...given);
    } finally {
      vm.createContext = createContext;
    }
  }
}
