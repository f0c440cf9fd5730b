<?php
// SPDX-License-Identifier: MIT
/*
 * What a site's own code says of its users to sse-fcgi, with nothing but PHP's
 * standard library. The secret is that of --ticket-key or --jwt-key.
 */

// The line end of the file is no part of it.
function sse_secret(string $file): string
{
    return rtrim(file_get_contents($file), "\r\n");
}

/*
 * A ticket, see sse-ticket(5): may read the topics that the selectors mean, where
 * {user} stands for the user. The user comes last, so that a name cannot become
 * something else.
 */
function sse_ticket(string $secret, string $user, array $selectors, int $seconds): string
{
    $text = 'expires ' . (time() + $seconds);
    foreach ($selectors as $selector)
        $text .= "\nsubscribe $selector";
    $signed = 'sse1-' . bin2hex("$text\nuser $user");
    return "$signed-" . hash_hmac('sha256', $signed, $secret);
}

/* The cookie that a page's EventSource sends by itself. It ends with the ticket: one
 * that has ended would be refused. */
function sse_set_cookie(string $name, string $value, string $path, int $seconds): void
{
    setcookie($name, $value, [
        'expires' => time() + $seconds, 'path' => $path, 'httponly' => true,
        'secure' => !empty($_SERVER['HTTPS']), 'samesite' => 'Strict',
    ]);
}

/* A JSON Web Token, as Mercure's clients make them. */
function sse_token(string $secret, array $subscribe, array $publish, int $seconds): string
{
    $part = fn(array $value) => rtrim(strtr(base64_encode(
        json_encode($value, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR)), '+/', '-_'), '=');
    $text = $part(['typ' => 'JWT', 'alg' => 'HS256']) . '.' . $part([
        'exp' => time() + $seconds,
        'mercure' => ['subscribe' => $subscribe, 'publish' => $publish],
    ]);
    $mac = hash_hmac('sha256', $text, $secret, true);
    return "$text." . rtrim(strtr(base64_encode($mac), '+/', '-_'), '=');
}

/* Publishes to a hub's URL by Mercure's form; the event's id. */
function sse_post(string $url, string $token, string $topic, string $data, bool $private): string
{
    $form = ['topic' => $topic, 'data' => $data] + ($private ? ['private' => 'on'] : []);
    $answer = file_get_contents($url, false, stream_context_create(['http' => [
        'method' => 'POST', 'ignore_errors' => true, 'timeout' => 10,
        'header' => "Authorization: Bearer $token\r\n" .
                    "Content-Type: application/x-www-form-urlencoded\r\n",
        'content' => http_build_query($form),
    ]]));
    if ($answer === false || !preg_match('/ 200 /', $http_response_header[0]))
        throw new RuntimeException("not published: " . ($answer ?: "no answer from $url"));
    return $answer;
}
