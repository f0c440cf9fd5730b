<?php
// What PHP alone makes possible: a process for each reader, which looks every
// second whether lines have come to the file EVENTS, each of them an event.
header('Content-Type: text/event-stream');
header('Cache-Control: no-cache');
$file = fopen($_SERVER['EVENTS'], 'r');
fseek($file, 0, SEEK_END);
$at = ftell($file);

while (true) {
	$out = '';
	while (($line = fgets($file)) !== false && str_ends_with($line, "\n")) {
		$at += strlen($line);
		$out .= "id: $at\ndata: $line\n";
	}
	// Half a line, or the end of the file: from there the next time. A
	// comment tells whether the reader is still there; PHP ends us if not.
	fseek($file, $at);
	echo $out ?: ":\n\n";
	flush();
	sleep(1);
}
