# tests/browser
EXTRA_DIST += \
	%D%/.npmrc \
	%D%/clock.test.js \
	%D%/correctness.test.js \
	%D%/package-lock.json \
	%D%/package.json \
	%D%/restarts.test.js \
	%D%/rights.test.js \
	%D%/stand.js
