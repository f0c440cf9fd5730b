<?php
// SPDX-License-Identifier: MIT
/*
 * Publishes an event from PHP on the same machine: no library, no exec, no
 * secret. The user that PHP runs as must be one who may:
 *
 *     sse-fcgi --publish-listen unix:/run/sse-fcgi/http --publish-user www-data
 *
 *     require 'sse_publish.php';
 *     $id = sse_publish('news', 'hello');
 *     sse_publish('news', json_encode(['n' => 1]), ['event' => 'tick', 'private' => true]);
 *
 * Options: event, id, retry (milliseconds), private (true), key. With a key, one
 * that is different for each event, calling it again after a failure is safe:
 * the event is taken once. Without one a key is made for this call, which tries
 * once more by itself.
 */
const SSE_SOCKET = '/run/sse-fcgi/http';

/** The id of the event. Throws a RuntimeException that says what was wrong. */
function sse_publish(string $topic, string $data, array $options = [],
                     string $socket = SSE_SOCKET): string
{
    $key = $options['key'] ?? bin2hex(random_bytes(16));
    unset($options['key']);
    if (empty($options['private'])) {
        unset($options['private']);
    } else {
        $options['private'] = 'on';
    }
    $path = '/' . implode('/', array_map('rawurlencode', explode('/', $topic)));
    $query = http_build_query($options, '', '&', PHP_QUERY_RFC3986);
    $request = "POST $path" . ($query === '' ? '' : "?$query") . " HTTP/1.1\r\n"
        . "Host: localhost\r\nConnection: close\r\n"
        . "Content-Type: text/plain; charset=utf-8\r\n"
        . "Idempotency-Key: $key\r\n"
        . 'Content-Length: ' . strlen($data) . "\r\n\r\n$data";

    try {
        [$status, $body] = sse_ask($socket, $request);
    } catch (RuntimeException $e) {
        $status = 503;
    }
    if ($status === 503) {
        // Its worker may just have been replaced.
        usleep(200000);
        [$status, $body] = sse_ask($socket, $request);
    }
    if ($status !== 200) {
        throw new RuntimeException("$topic: $status " . trim($body), $status);
    }
    return $body;
}

/** Sends a request; the status and the body of its answer. */
function sse_ask(string $socket, string $request): array
{
    $s = @stream_socket_client("unix://$socket", $errno, $why, 5);
    if (!$s) {
        throw new RuntimeException("$socket: $why");
    }
    stream_set_timeout($s, 10);
    for ($sent = 0; $sent < strlen($request); $sent += $n) {
        $n = @fwrite($s, substr($request, $sent));
        if ($n === false || $n === 0) {
            break;  // it may have said why
        }
    }
    $answer = (string) stream_get_contents($s);
    fclose($s);
    if (!preg_match('~^HTTP/1\.1 (\d{3}) .*?\r\n\r\n(.*)$~s', $answer, $m)) {
        throw new RuntimeException("$socket: the answer did not come");
    }
    return [(int) $m[1], $m[2]];
}
