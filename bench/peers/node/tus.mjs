// The reference tus server with its file store and default settings. Arguments: port, folder.
import { Server } from '@tus/server';
import { FileStore } from '@tus/file-store';

const [port, folder] = process.argv.slice(2);
new Server({ path: '/files', datastore: new FileStore({ directory: folder }) }).listen({ host: '127.0.0.1', port: Number(port) });
