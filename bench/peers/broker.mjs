/** The embedded broker. Says `{url}`. */
import { EmbeddedBroker } from '../../dist/amqp/embedded/index.js';
import { tell } from './peer.mjs';

const broker = await EmbeddedBroker.listen({ memoryHighBytes: 2 ** 31 });
tell({ url: broker.url });
