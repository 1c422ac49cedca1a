# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_evbus_global_optspecs
    string join \n f/file= url= management-url= vhost= timeout= connect-timeout= tls-ca= tls-cert= tls-key= tls-server-name= o/output= q/quiet v/verbose color= yes no-input h/help V/version
end

function __fish_evbus_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_evbus_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_evbus_using_subcommand
    set -l cmd (__fish_evbus_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c evbus -n "__fish_evbus_needs_command" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_needs_command" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_needs_command" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_needs_command" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_needs_command" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_needs_command" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_needs_command" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_needs_command" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_needs_command" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_needs_command" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_needs_command" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_needs_command" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_needs_command" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_needs_command" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_needs_command" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_needs_command" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_needs_command" -s V -l version -d 'Print version'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "init" -d 'Write a commented topology file to start from'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "lint" -d 'Check the topology file offline'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "plan" -d 'Show what apply would change, and why'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "apply" -d 'Make the broker match the topology file'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "export" -d 'Write a live virtual host as a topology file'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "route" -d 'Say which queues would get an event, and through which bindings'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "publish" -d 'Send events in the bus\'s envelope, checked against the catalog'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "tail" -d 'Show events as they pass, harmlessly'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "queues" -d 'Depths, consumers and rates of queues'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "dlq" -d 'Look at dead letters, put them back, remove them'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "doctor" -d 'Say whether the broker can be used, and what is wrong with it'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "sandbox" -d 'Run a command against a private, throw-away RabbitMQ'
complete -c evbus -n "__fish_evbus_needs_command" -f -a "demo" -d 'Tell the whole story on an example bus, in a sandbox'
complete -c evbus -n "__fish_evbus_using_subcommand init" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand init" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand init" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand init" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand init" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand init" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand init" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand init" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand init" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand init" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand init" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand init" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand init" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand init" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand init" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand init" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l level -d 'End with 4 when there is a finding of this level or above' -r -f -a "info\t'Worth knowing'
warning\t'Probably not meant'
error\t'Loses messages, or is refused'"
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l broker-version -d 'The series of RabbitMQ it is for [default: 4.3; with --live the broker\'s own]' -r
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l format -d 'How findings are written [default: table; json with -o json]' -r -f -a "table\t'For people'
json\t'One document of ours, as with -o json'
sarif\t'SARIF 2.1.0, for code scanning'
github\t'Annotations of a GitHub workflow'"
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l explain -d 'Say what a rule finds, why it matters and what to do about it' -r
complete -c evbus -n "__fish_evbus_using_subcommand lint" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand lint" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l live -d 'Look at what the broker really has in the virtual host; needs the management API'
complete -c evbus -n "__fish_evbus_using_subcommand lint" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand lint" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand lint" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand lint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l out -d 'Save the plan in this file, for `apply FILE` to carry out exactly that' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l state -d 'Keep the record of what was made in this file, and not in the broker' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand plan" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand plan" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l exit-code -d 'End with 4 when the broker differs from the file'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l prune -d 'Delete what was made for this file\'s name before and is no longer in the file'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l prune-non-empty -d 'With --prune, also queues that hold messages, which are archived first, or have consumers'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l replace -d 'Make queues and exchanges anew whose type or arguments differ, and keep what is in them and leads to them'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l in-place -d 'Set by a policy what one can make up for in queues that exist differently, and leave the queues as they are'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l archives -d 'Where the messages of queues that --prune-non-empty deletes are kept [default: the working directory]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l wait -d 'How long consumers of a queue that is made anew may take to finish with what they hold, and with what waits for them' -r
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l state -d 'Keep the record of what was made in this file, and not in the broker' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand apply" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand apply" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l dry-run -d 'Only show what would be changed'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l prune -d 'Delete what was made for this file\'s name before and is no longer in the file'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l prune-non-empty -d 'With --prune, also queues that hold messages, which are archived first, or have consumers'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l replace -d 'Make queues and exchanges anew whose type or arguments differ, and keep what is in them and leads to them'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l in-place -d 'Set by a policy what one can make up for in queues that exist differently, and leave the queues as they are'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand export" -l out -d 'Write to this file and not to stdout; one that exists is left as it is' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand export" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand export" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand export" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand export" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand export" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand export" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand export" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand export" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand export" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand export" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand export" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand export" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand export" -l services -d 'Write queues that have exactly the shape of a service, with all that belongs to them, as services'
complete -c evbus -n "__fish_evbus_using_subcommand export" -l force -d 'Write over a file that exists'
complete -c evbus -n "__fish_evbus_using_subcommand export" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand export" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand export" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand export" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand route" -l exchange -d 'The exchange [default: the topology file\'s bus]' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -l headers -d 'A header that headers exchanges look at; may be repeated. n=1 is a number, n=\'"1"\' and n=one are texts' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -l broker-version -d 'The series of RabbitMQ that the topology file is for' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand route" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand route" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand route" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand route" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand route" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand route" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand route" -l live -d 'Ask the broker instead of the topology file'
complete -c evbus -n "__fish_evbus_using_subcommand route" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand route" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand route" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand route" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand route" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l data -d 'Its payload: JSON, @FILE, or - for stdin' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l from -d 'Send each line of this file, or of stdin (-): records as tail and dlq show write them, or payloads' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l key -d 'The routing key, where no event of the catalog tells it, or instead of the one it tells' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l exchange -d 'The exchange [default: the topology file\'s bus]' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l correlation-id -d 'What the events belong to [default: one of its own for each]' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l event-version -d 'The version of the event [default: the newest of the catalog]' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l count -d 'Send it so many times' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l rate -d 'No more than so many in a time, as in 50/s or 1000/m' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand publish" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l raw -d 'Send the data as the whole body, without an envelope'
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l dry-run -d 'Check everything and send nothing'
complete -c evbus -n "__fish_evbus_using_subcommand publish" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand publish" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand publish" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand publish" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l exchange -d 'The exchange [default: the topology file\'s bus]' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l where -d 'Only messages whose record this jq expression holds for' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l limit -d 'Stop after so many messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l for -d 'Stop after this time' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l idle -d 'Stop when nothing passed for this time' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l expect -d 'Stop when so many came, and exit 4 if fewer did' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l buffer -d 'How many messages the broker keeps for a slow reader before it drops the oldest' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand tail" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l ready -d 'Say ready on stderr once everything is bound'
complete -c evbus -n "__fish_evbus_using_subcommand tail" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand tail" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand tail" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l sort -d 'What the list is sorted by [default: name]' -r -f -a "name\t''
ready\t''
unacked\t''
total\t''
consumers\t''
in\t''
out\t''"
complete -c evbus -n "__fish_evbus_using_subcommand queues" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand queues" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l all-vhosts -d 'Those of every virtual host'
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l rates -d 'Messages per second in and out; these are up to some seconds old'
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l limits -d 'What bounds each queue, who says so, and what that means in time'
complete -c evbus -n "__fish_evbus_using_subcommand queues" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand queues" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand queues" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand queues" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -f -a "list" -d 'Every dead letter queue: depth, type and whose it is'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -f -a "groups" -d 'What failed and how often, without spending a message'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -f -a "show" -d 'Look at messages without spending them'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -f -a "export" -d 'Write messages into an archive without removing them'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -f -a "replay" -d 'Put dead letters back'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -f -a "restore" -d 'Put an archive\'s messages back'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -f -a "purge" -d 'Archive dead letters, prove the archive, then remove them'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and not __fish_seen_subcommand_from list groups show export replay restore purge runs" -f -a "runs" -d 'What moved what on this machine, when, and how far it came'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l look -d 'Also look at the first 50 messages of each: when the oldest of them died, and why they did'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l by -d 'By what, several with commas between them [default: reason,queue,event,exception]' -r -f -a "reason\t'Why they died'
queue\t'The queue they died in'
event\t'The type of the event'
exception\t'The type of what was thrown, as frameworks write it into headers'
key\t'The routing key they were first published with'
exchange\t'The exchange they were first published to'
app\t'The application that sent them'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l event -d 'Events of this type' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l key -d 'Messages first published with a key that matches, as in email.#' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l from-queue -d 'Messages that died in this queue' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l reason -d 'Messages that died for this reason' -r -f -a "rejected\t''
expired\t''
maxlen\t''
delivery_limit\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l older-than -d 'Messages that first died longer ago than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l newer-than -d 'Messages that first died more recently than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l id -d 'The message with this message_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l correlation-id -d 'Messages with this correlation_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l group -d 'Messages of this group, as dlq groups shows its id; given again, of that one too' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l field -d 'The jq expression by whose value groups are made: for --group, the one that dlq groups was given' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l only -d 'Messages whose payload matches the schema of the topology file\'s catalog, breaks it, or has none there' -r -f -a "valid\t''
invalid\t''
unknown\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l where -d 'Messages whose record this jq expression holds for, as in \'.body.json.payload.n > 7\'' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l save -d 'How to save a message that its return to the queue would destroy' -r -f -a "auto\t'By a temporary policy where one can be set, by a copy elsewhere'
policy\t'By a temporary policy that lifts the delivery limit'
copy\t'By a confirmed copy at the queue\'s end'
none\t'Not at all: refuse queues where it could be needed'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l assume -d 'What to believe of the queue where the management API cannot be asked: classic, quorum or quorum,limit=N' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l window -d 'How many messages may be held at once [default: chosen by what could be lost]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l valid -d 'Also by whether the payload matches the schema of the topology file\'s catalog today: valid, invalid or unknown'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l explain -d 'Only say which way would be taken on this queue, and why; nothing is held and nothing is changed'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from groups" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l limit -d 'Show at most so many messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l skip -d 'Pass over so many of the selected messages first' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l event -d 'Events of this type' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l key -d 'Messages first published with a key that matches, as in email.#' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l from-queue -d 'Messages that died in this queue' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l reason -d 'Messages that died for this reason' -r -f -a "rejected\t''
expired\t''
maxlen\t''
delivery_limit\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l older-than -d 'Messages that first died longer ago than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l newer-than -d 'Messages that first died more recently than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l id -d 'The message with this message_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l correlation-id -d 'Messages with this correlation_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l group -d 'Messages of this group, as dlq groups shows its id; given again, of that one too' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l field -d 'The jq expression by whose value groups are made: for --group, the one that dlq groups was given' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l only -d 'Messages whose payload matches the schema of the topology file\'s catalog, breaks it, or has none there' -r -f -a "valid\t''
invalid\t''
unknown\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l where -d 'Messages whose record this jq expression holds for, as in \'.body.json.payload.n > 7\'' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l save -d 'How to save a message that its return to the queue would destroy' -r -f -a "auto\t'By a temporary policy where one can be set, by a copy elsewhere'
policy\t'By a temporary policy that lifts the delivery limit'
copy\t'By a confirmed copy at the queue\'s end'
none\t'Not at all: refuse queues where it could be needed'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l assume -d 'What to believe of the queue where the management API cannot be asked: classic, quorum or quorum,limit=N' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l window -d 'How many messages may be held at once [default: chosen by what could be lost]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l explain -d 'Only say which way would be taken on this queue, and why; nothing is held and nothing is changed'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l out -d 'Write to this new file and not to stdout; compressed when its name ends in .zst' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l limit -d 'Export at most so many of the selected messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l event -d 'Events of this type' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l key -d 'Messages first published with a key that matches, as in email.#' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l from-queue -d 'Messages that died in this queue' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l reason -d 'Messages that died for this reason' -r -f -a "rejected\t''
expired\t''
maxlen\t''
delivery_limit\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l older-than -d 'Messages that first died longer ago than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l newer-than -d 'Messages that first died more recently than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l id -d 'The message with this message_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l correlation-id -d 'Messages with this correlation_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l group -d 'Messages of this group, as dlq groups shows its id; given again, of that one too' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l field -d 'The jq expression by whose value groups are made: for --group, the one that dlq groups was given' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l only -d 'Messages whose payload matches the schema of the topology file\'s catalog, breaks it, or has none there' -r -f -a "valid\t''
invalid\t''
unknown\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l where -d 'Messages whose record this jq expression holds for, as in \'.body.json.payload.n > 7\'' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l save -d 'How to save a message that its return to the queue would destroy' -r -f -a "auto\t'By a temporary policy where one can be set, by a copy elsewhere'
policy\t'By a temporary policy that lifts the delivery limit'
copy\t'By a confirmed copy at the queue\'s end'
none\t'Not at all: refuse queues where it could be needed'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l assume -d 'What to believe of the queue where the management API cannot be asked: classic, quorum or quorum,limit=N' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l window -d 'How many messages may be held at once [default: chosen by what could be lost]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l explain -d 'Only say which way would be taken on this queue, and why; nothing is held and nothing is changed'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l to -d 'Where to: source, exchange, queue:NAME or exchange:NAME[/KEY]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l limit -d 'Replay at most so many of the selected messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l event -d 'Events of this type' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l key -d 'Messages first published with a key that matches, as in email.#' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l from-queue -d 'Messages that died in this queue' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l reason -d 'Messages that died for this reason' -r -f -a "rejected\t''
expired\t''
maxlen\t''
delivery_limit\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l older-than -d 'Messages that first died longer ago than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l newer-than -d 'Messages that first died more recently than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l id -d 'The message with this message_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l correlation-id -d 'Messages with this correlation_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l group -d 'Messages of this group, as dlq groups shows its id; given again, of that one too' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l field -d 'The jq expression by whose value groups are made: for --group, the one that dlq groups was given' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l only -d 'Messages whose payload matches the schema of the topology file\'s catalog, breaks it, or has none there' -r -f -a "valid\t''
invalid\t''
unknown\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l where -d 'Messages whose record this jq expression holds for, as in \'.body.json.payload.n > 7\'' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l save -d 'How to save a message that its return to the queue would destroy' -r -f -a "auto\t'By a temporary policy where one can be set, by a copy elsewhere'
policy\t'By a temporary policy that lifts the delivery limit'
copy\t'By a confirmed copy at the queue\'s end'
none\t'Not at all: refuse queues where it could be needed'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l assume -d 'What to believe of the queue where the management API cannot be asked: classic, quorum or quorum,limit=N' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l window -d 'How many messages may be held at once [default: chosen by what could be lost]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l receipt -d 'Write into this new file who did what, when, from where to where, how many, and the digests of archive and journal' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l rate -d 'How fast at most, as in 50/s' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l max-depth -d 'Wait while a target queue holds as many ready messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l require-consumers -d 'Wait while a target queue has fewer consumers [N is 1 where it is left away]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l max-replays -d 'Leave messages where they are that were replayed so often already' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l park -d 'Put those aside into this queue instead, just as they are' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l canary -d 'Replay so many first and see whether they come back, then so many more, then the rest' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l canary-wait -d 'How long to wait for what comes back [default: as long as the service retries by the topology file, else 60s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l stop-if-bounced -d 'How many of them may come back' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l strip -d 'Leave these headers behind too, and keep no trace of what stays behind anyway; NAME* for all that begin so' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l keep -d 'Take these along all the same; NAME* for all that begin so' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l resume -d 'Go on with this run, which was cut off or has left something: with its queue, its target and its messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l in-doubt -d 'What becomes of messages that may be at their target already, which nobody can tell [default: hold]' -r -f -a "replay\t'They are published, perhaps for the second time'
skip\t'They stay where they are, and are in doubt no longer'
hold\t'They stay in doubt: --resume can be asked again'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l dry-run -d 'Only show what would go where'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l pick -d 'Mark the messages to be replayed in a list at the terminal, of at most 200'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l edit -d 'Edit the only selected message in $VISUAL or $EDITOR, and replay what it is then'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l explain -d 'Only say which way would be taken on this queue, and why; nothing is held and nothing is changed'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l to -d 'Where to: queue:NAME, source, exchange or exchange:NAME[/KEY] [default: the queue it is from]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l limit -d 'Restore at most so many of the selected messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l window -d 'How many messages may be on their way at once [default: 3000]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l receipt -d 'Write into this new file who did what, when, from where to where, how many, and the digests of archive and journal' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l event -d 'Events of this type' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l key -d 'Messages first published with a key that matches, as in email.#' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l from-queue -d 'Messages that died in this queue' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l reason -d 'Messages that died for this reason' -r -f -a "rejected\t''
expired\t''
maxlen\t''
delivery_limit\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l older-than -d 'Messages that first died longer ago than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l newer-than -d 'Messages that first died more recently than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l id -d 'The message with this message_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l correlation-id -d 'Messages with this correlation_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l group -d 'Messages of this group, as dlq groups shows its id; given again, of that one too' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l field -d 'The jq expression by whose value groups are made: for --group, the one that dlq groups was given' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l only -d 'Messages whose payload matches the schema of the topology file\'s catalog, breaks it, or has none there' -r -f -a "valid\t''
invalid\t''
unknown\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l where -d 'Messages whose record this jq expression holds for, as in \'.body.json.payload.n > 7\'' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l resume -d 'Go on with this run, which was cut off or has left something: with its archive, its target and its messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l in-doubt -d 'What becomes of messages that may be at their target already, which nobody can tell [default: hold]' -r -f -a "replay\t'They are published, perhaps for the second time'
skip\t'They stay where they are, and are in doubt no longer'
hold\t'They stay in doubt: --resume can be asked again'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l up-to-damage -d 'Of a damaged or incomplete file, restore what can be read'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l dry-run -d 'Only show what would go where'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l archive -d 'Where the messages are kept, compressed when the name ends in .zst [default: evbus-purge-RUN.ndjson.zst in the working directory]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l limit -d 'Remove at most so many of the selected messages' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l event -d 'Events of this type' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l key -d 'Messages first published with a key that matches, as in email.#' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l from-queue -d 'Messages that died in this queue' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l reason -d 'Messages that died for this reason' -r -f -a "rejected\t''
expired\t''
maxlen\t''
delivery_limit\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l older-than -d 'Messages that first died longer ago than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l newer-than -d 'Messages that first died more recently than this' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l id -d 'The message with this message_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l correlation-id -d 'Messages with this correlation_id' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l group -d 'Messages of this group, as dlq groups shows its id; given again, of that one too' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l field -d 'The jq expression by whose value groups are made: for --group, the one that dlq groups was given' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l only -d 'Messages whose payload matches the schema of the topology file\'s catalog, breaks it, or has none there' -r -f -a "valid\t''
invalid\t''
unknown\t''"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l where -d 'Messages whose record this jq expression holds for, as in \'.body.json.payload.n > 7\'' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l save -d 'How to save a message that its return to the queue would destroy' -r -f -a "auto\t'By a temporary policy where one can be set, by a copy elsewhere'
policy\t'By a temporary policy that lifts the delivery limit'
copy\t'By a confirmed copy at the queue\'s end'
none\t'Not at all: refuse queues where it could be needed'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l assume -d 'What to believe of the queue where the management API cannot be asked: classic, quorum or quorum,limit=N' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l window -d 'How many messages may be held at once [default: chosen by what could be lost]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l receipt -d 'Write into this new file who did what, when, from where to where, how many, and the digests of archive and journal' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l resume -d 'Go on with this run, which was cut off or stopped: with its queue, its messages and its archive' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l no-archive -d 'Keep no copy: what is removed cannot be had back'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l dry-run -d 'Only show what would be removed'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l pick -d 'Mark the messages to be removed in a list at the terminal, of at most 200'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l explain -d 'Only say which way would be taken on this queue, and why; nothing is held and nothing is changed'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from purge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand dlq; and __fish_seen_subcommand_from runs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l wait -d 'Ask again until the broker can be used, but not longer than this: for start-ups' -r
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l keep -d 'Carry the server of a sandbox that another evbus has set up' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand sandbox" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evbus -n "__fish_evbus_using_subcommand demo" -s f -l file -d 'The topology file [default: evbus.yaml]; may be repeated' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l url -d 'The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]' -r
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l management-url -d 'The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker\'s host, port 15672 or 15671]' -r
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l vhost -d 'The virtual host [default: the URL\'s, then the file\'s, then /]' -r
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l timeout -d 'How long any single operation of the broker may take [default: 30s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l connect-timeout -d 'How long connecting may take [default: 10s]' -r
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l tls-ca -d 'The only certificate authorities to trust (PEM) [default: the system\'s]' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l tls-cert -d 'Our own certificate (PEM)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l tls-key -d 'The key of our own certificate (PEM, not encrypted)' -r -F
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l tls-server-name -d 'The name to expect in the broker\'s certificate instead of its host' -r
complete -c evbus -n "__fish_evbus_using_subcommand demo" -s o -l output -d 'How data is written to stdout' -r -f -a "table\t'For people'
json\t'For programs: one document, or one object per line'"
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also in a pipe'
never\t'Not at all'"
complete -c evbus -n "__fish_evbus_using_subcommand demo" -s q -l quiet -d 'Say only what matters'
complete -c evbus -n "__fish_evbus_using_subcommand demo" -s v -l verbose -d 'Say where settings come from; twice: also what goes on underneath'
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l yes -d 'Answer yes to every question'
complete -c evbus -n "__fish_evbus_using_subcommand demo" -l no-input -d 'Never ask'
complete -c evbus -n "__fish_evbus_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
