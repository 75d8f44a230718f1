// Express 5 with multer as a Node service would take uploads: the file streamed to disk while its SHA-1 is computed,
// no database row. Also static files from the same folder and a constant "own user" answer.
// Arguments: port, folder, "yes" to sync each file before the answer.
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import path from 'node:path';
import express from 'express';
import multer from 'multer';

const [port, folder, syncBytes] = process.argv.slice(2);

const storage = {
  _handleFile(_request, file, done) {
    const name = randomUUID();
    const hash = createHash('sha1');
    let size = 0;
    const tap = new Transform({
      transform(chunk, _encoding, next) {
        hash.update(chunk);
        size += chunk.length;
        next(null, chunk);
      },
    });
    // `flush` syncs the file before its stream ends, and so before the answer.
    const out = createWriteStream(path.join(folder, name), { flush: syncBytes === 'yes' });
    pipeline(file.stream, tap, out)
      .then(() => done(null, { filename: name, size, sha1: hash.digest('hex') }), done);
  },
  _removeFile(_request, _file, done) {
    done(null);
  },
};

const app = express();
app.disable('x-powered-by');
app.post('/upload', multer({ storage }).single('file'), (request, response) => {
  const { filename, size, sha1 } = request.file;
  response.status(201).json({ id: filename, size, sha1 });
});
app.get('/me', (_request, response) => response.json({ id: 'user_1', email: 'bench@example.com', username: 'bench' }));
app.use('/files', express.static(folder, { maxAge: 0 }));
app.listen(Number(port), '127.0.0.1');
