# Prepares the database of the private Redmine: REST on, no mails, a project, a field, people with their keys on standard
# output. The puller has the least rights that it needs; "weak" sees no private notes.
Setting.rest_api_enabled = '1'
Setting.default_language = 'en'
Setting.notified_events = []
ActionMailer::Base.perform_deliveries = false

admin = User.find_by_login('admin')
admin.must_change_passwd = false
admin.mail = 'admin@redmine.test'
admin.save!(validate: false)

def person(login, first, last)
  user = User.new(firstname: first, lastname: last, mail: "#{login}@redmine.test")
  user.login = login
  user.password = user.password_confirmation = 'redmine-password'
  user.save!
  user
end

def role(name, permissions)
  role = Role.new(name: name, issues_visibility: 'all', users_visibility: 'all')
  role.permissions = permissions
  role.save!
  role
end

project = Project.new(name: 'Support', identifier: 'support', is_public: false)
project.enabled_module_names = %w[issue_tracking]
project.trackers = Tracker.all
project.save!
IssueCategory.create!(project: project, name: 'Heating')
IssueCategory.create!(project: project, name: 'Other')
field = IssueCustomField.new(name: 'Product', field_format: 'list', possible_values: ['Aura 9', 'Terra 12'],
                             is_for_all: true, is_filter: true)
field.trackers = Tracker.all
field.save!

team = role('Team', %i[view_issues add_issues edit_issues add_issue_notes set_notes_private view_private_notes])
customers = role('Customer', %i[view_issues add_issues edit_own_issues add_issue_notes])
puller = role('Puller', %i[view_issues view_private_notes])
weak = role('Weak', %i[view_issues])
people = {
  'puller' => [person('puller', 'Ticket', 'Puller'), puller],
  'weak' => [person('weak', 'Weak', 'Puller'), weak],
  'agent' => [person('agent', 'Tom', 'Agent'), team],
  'customer' => [person('customer', 'Anna', 'Customer'), customers],
}
people.each_value { |user, its| Member.create!(user: user, project: project, roles: [its]) }
puts "admin #{admin.api_key}"
people.each { |name, (user, _)| puts "#{name} #{user.api_key}" }
