<?php
// SPDX-License-Identifier: MIT
/*
 * Sends a message to a user: POST `to` and `text`. Who may do that is for your
 * application to decide, before this.
 */
require __DIR__ . '/sse_rights.php';

$to = $_POST['to'] ?? '';
// A name that is more than a name would make another topic.
if (!preg_match('~^[^/*{}\x00-\x1f]+$~', $to)) {
    http_response_code(400);
    exit("To whom?\n");
}
try {
    $topic = "private/$to/inbox";
    $token = sse_token(sse_secret(getenv('SSE_JWT_KEY')), [], [$topic], 60);
    echo sse_post(getenv('SSE_HUB_URL'), $token, $topic, $_POST['text'] ?? '', true), "\n";
} catch (RuntimeException $e) {
    http_response_code(502);
    echo $e->getMessage(), "\n";
}
