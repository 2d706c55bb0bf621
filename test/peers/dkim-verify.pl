# Verifies signed messages with Mail::DKIM: reads {"dns": port, "messages": {case: base64}} and prints {case: ["pass", ...]}.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use Net::DNS::Resolver;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;

local $/;
my $data = decode_json(<STDIN>);
Mail::DKIM::DNS::resolver(
    Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $data->{dns}, recurse => 1));

my %results;
for my $case (keys %{ $data->{messages} }) {
    my $verifier = Mail::DKIM::Verifier->new();
    $verifier->PRINT(decode_base64($data->{messages}{$case}));
    $verifier->CLOSE;
    $results{$case} = [ map { $_->result . ' ' . $_->algorithm } $verifier->signatures ];
}
print encode_json(\%results);
