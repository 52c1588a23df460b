# Completion of mage in zsh; "mage completion zsh" printed it.
_im2_mage() {
    local line="${(j: :)words[1,CURRENT-1]} $PREFIX" value text
    local -a closed open
    if [[ ! -f magefiles/completion.go ]]; then # another project of Mage's
        closed=(${(f)"$("$words[1]" -autocomplete 2>/dev/null)"})
        closed=(${closed//:/\\:})
        _describe -t targets target closed
        return
    fi
    while IFS=$'\t' read -r value text; do
        case $value in
            :files) compset -P '*='; _files; return ;;
            :folders) compset -P '*='; _files -/; return ;;
            *=) open+=("${value//:/\\:}:$text") ;;
            *) closed+=("${value//:/\\:}:$text") ;;
        esac
    done < <("$words[1]" completion zsh "-line=$line" 2>/dev/null)
    _describe -t values value closed -- open -S ''
}
if (( ! $+functions[compdef] )); then
    autoload -Uz compinit && compinit
fi
compdef _im2_mage mage
