<?php
// SPDX-License-Identifier: MIT
/*
 * From a shell: php publish.php TOPIC DATA [SOCKET]
 * From a web page, as what a form with `topic` and `data` is sent to; who may do
 * so is for your application to decide, before this.
 */
require __DIR__ . '/sse_publish.php';

$socket = $argv[3] ?? getenv('SSE_HTTP') ?: SSE_SOCKET;
try {
    $id = sse_publish($argv[1] ?? $_POST['topic'] ?? '', $argv[2] ?? $_POST['data'] ?? '',
                      [], $socket);
    echo "$id\n";
} catch (RuntimeException $e) {
    if (PHP_SAPI === 'cli') {
        fwrite(STDERR, $e->getMessage() . "\n");
        exit(1);
    }
    http_response_code(502);
    echo htmlspecialchars($e->getMessage()), "\n";
}
