<?php
// SPDX-License-Identifier: MIT
/*
 * A page that shows what is for its user alone. Who that is says the web server's
 * login here; in a WordPress it is wp_get_current_user()->user_login, and a session
 * of your own does as well.
 */
require __DIR__ . '/sse_rights.php';

$user = $_SERVER['REMOTE_USER'] ?? '';
if ($user === '') {
    http_response_code(403);
    exit("Who are you?\n");
}
sse_set_cookie('sse_ticket', sse_ticket(sse_secret(getenv('SSE_TICKET_KEY')), $user,
    ['private/{user}/*'], 3600), '/events', 3600);
?>
<!DOCTYPE html>
<meta charset="utf-8">
<title>Inbox</title>
<h1>Messages for <?= htmlspecialchars($user) ?></h1>
<ul></ul>
<script>
const topic = <?= json_encode("private/$user/inbox", JSON_HEX_TAG) ?>;
const source = new EventSource('/events?last=20&topic=' + encodeURIComponent(topic));
source.onmessage = (event) => {
  const item = document.createElement('li');
  item.textContent = event.data;
  document.querySelector('ul').prepend(item);
};
</script>
