# Completion for bash: the options are those that --help names.
_sse_fcgi()
{
	local word=${COMP_WORDS[COMP_CWORD]}

	COMPREPLY=()
	case $word in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$("$1" --help 2> /dev/null |
			sed -nE 's/^ {2,6}(-., )?(--[a-z-]+).*/\2/p')" -- "$word")
		;;
	esac
}
complete -o default -F _sse_fcgi \
	sse-doctor sse-fcgi sse-hub sse-publish sse-subscribe sse-token
