# What the tests' Request Tracker holds at the start: queue, custom fields, users, rights, tokens.
# Loaded with rt-setup-database-5 --action insert. Administrator: root / password (RT's own default).

our @Queues = ({
    Name              => 'Support',
    Description       => 'Customer support',
    CorrespondAddress => 'support@rt.test',
    CommentAddress    => 'support-comment@rt.test',
});

my %of_ticket = ( LookupType => 'RT::Queue-RT::Ticket', Queue => ['Support'] );

our @CustomFields = (
    {   %of_ticket,
        Name   => 'Category',
        Type   => 'SelectSingle',
        Values => [ map { { Name => $_ } }
                qw(airline fastfood finance insurance media software Other) ],
    },
    { %of_ticket, Name => 'Product', Type => 'FreeformSingle' },
    { %of_ticket, Name => 'Tags',    Type => 'FreeformMultiple' },
);

my %of_user = ( Password => 'test-password', Privileged => 1, Timezone => 'UTC' );

our @Users = (
    { %of_user, Name => 'agent1', RealName => 'Agent One',     EmailAddress => 'agent1@rt.test' },
    # The least that Groundswell needs.
    { %of_user, Name => 'puller', RealName => 'Ticket puller', EmailAddress => 'puller@rt.test' },
    # Less than that: internal comments stay hidden, and RT says nothing about it.
    { %of_user, Name => 'clerk',  RealName => 'Clerk',         EmailAddress => 'clerk@rt.test' },
);

sub rights {
    my ( $user, @rights ) = @_;
    return map { { UserId => $user, Right => $_, Queue => 'Support' } } @rights;
}

our @ACL = (
    rights( 'puller', qw(SeeQueue ShowTicket ShowTicketComments SeeCustomField) ),
    rights( 'clerk',  qw(SeeQueue ShowTicket SeeCustomField) ),
    rights( 'agent1',
        qw(SeeQueue ShowTicket ShowTicketComments SeeCustomField ModifyCustomField CreateTicket
            ReplyToTicket CommentOnTicket ModifyTicket DeleteTicket OwnTicket TakeTicket) ),
    # Customers write by mail, through RT's mail gateway.
    map { { GroupDomain => 'SystemInternal', GroupType => 'Everyone', Right => $_, Queue => 'Support' } }
        qw(CreateTicket ReplyToTicket),
);

# The tokens are made by the administrator, so that their users need no right for it.
our @Final = (
    sub {
        my $root = RT::CurrentUser->new('root');
        for my $name (qw(root puller clerk)) {
            my $user = RT::User->new($root);
            $user->Load($name);
            my ( $id, $message, $token )
                = RT::AuthToken->new($root)->Create( Owner => $user->Id, Description => 'tests' );
            die "no token for $name: $message" unless $token;
            my $path = "$ENV{GROUNDSWELL_TOKEN_FOLDER}/token-$name";
            open my $file, '>', $path or die "$path: $!";
            print {$file} $token;
            close $file or die "$path: $!";
        }
    },
);

1;
