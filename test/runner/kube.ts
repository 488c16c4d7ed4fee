// Builds the program of the tests that start a real API server (test/support/privateApiServer.ts), unless the cache has it.
import { ensureKube } from '../../deploy/local/cluster/build.ts';
import { progress } from '../../deploy/local/cluster/progress.ts';
import { settingsFrom } from '../../deploy/local/cluster/settings.ts';

const say = progress();
say(`API server: ${await ensureKube(settingsFrom(process.env), say)}`);
